-- By each model; otherwise channels have more or fewer conversions together than there are.
select
    conversion_kind,
    conversion_id,
    attribution_model,
    sum(share) as share_sum
from {{ ref('fct_attribution') }}
group by 1, 2, 3
having sum(share) <> 1
