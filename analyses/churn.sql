-- How much recurring revenue do we lose, and how many employers?
select
    mrr_month,
    currency,
    opening_mrr,
    churned_mrr,
    churned_count,
    {{ ratio('churned_mrr * 100', 'opening_mrr * 100') }} as churn_ratio
from {{ ref('mrr_movements_monthly') }}
order by mrr_month, currency
