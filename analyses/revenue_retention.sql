-- What do employers pay some months after they began?
select
    months_since,
    currency,
    sum(employer_count) as employers,
    {{ ratio('sum(kept_mrr) * 100', 'sum(first_mrr) * 100') }} as gross_retention,
    {{ ratio('sum(mrr) * 100', 'sum(first_mrr) * 100') }} as net_retention
from {{ ref('revenue_retention_cohorts') }}
group by months_since, currency
order by currency, months_since
