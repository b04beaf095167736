-- What moved recurring revenue, by month?
select
    mrr_month,
    cast(sum(opening_mrr * reporting_rate) as numeric(18, 2)) as opening,
    cast(sum(new_mrr * reporting_rate) as numeric(18, 2)) as from_new,
    cast(sum(reactivated_mrr * reporting_rate) as numeric(18, 2)) as from_reactivated,
    cast(sum(expansion_mrr * reporting_rate) as numeric(18, 2)) as from_expansion,
    cast(sum(contraction_mrr * reporting_rate) as numeric(18, 2)) as lost_to_contraction,
    cast(sum(churned_mrr * reporting_rate) as numeric(18, 2)) as lost_to_churn,
    cast(sum(closing_mrr * reporting_rate) as numeric(18, 2)) as closing
from {{ ref('mrr_movements_monthly') }}
group by mrr_month
order by mrr_month
