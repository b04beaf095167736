-- What do employers pay some months after they began?
select
    months_since,
    currency,
    sum(employer_count) as employers,
    {{ ratio('sum(kept_mrr)', 'sum(first_mrr)') }} as gross_retention,
    {{ ratio('sum(mrr)', 'sum(first_mrr)') }} as net_retention
from {{ ref('revenue_retention_cohorts') }}
group by months_since, currency
order by currency, months_since
