-- Which positions are filled within 90 days?
select
    role,
    sum(opened_count) as opened,
    sum(filled_in_90_days_count) as filled_in_90_days,
    {{ ratio('sum(filled_in_90_days_count)', 'sum(opened_count)') }} as fill_ratio
from {{ ref('position_fill_monthly') }}
group by role
order by role
