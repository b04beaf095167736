-- What employers pay some months after they began, by month of beginning and currency
select
    cohort_month,
    currency,
    months_since,
    employer_count,
    retained_count,
    first_mrr,
    kept_mrr,
    mrr
from finance.revenue_retention_cohorts
order by 1, 2, 3
