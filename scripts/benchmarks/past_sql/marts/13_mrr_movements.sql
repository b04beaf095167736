-- Movements of recurring revenue by month and currency
select
    mrr_month,
    currency,
    opening_mrr,
    new_mrr,
    reactivated_mrr,
    expansion_mrr,
    contraction_mrr,
    churned_mrr,
    closing_mrr
from finance.mrr_movements_monthly
order by 1, 2
