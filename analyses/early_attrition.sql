-- How many hires leave within the guarantee?
select
    role,
    sum(started_count) as started,
    sum(left_early_count) as left_early,
    {{ ratio('sum(left_early_count)', 'sum(started_count)') }} as left_early_ratio
from {{ ref('early_attrition_monthly') }}
group by role
order by left_early desc, role asc
