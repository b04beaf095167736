-- How far do candidacies get, by role?
select
    role,
    sum(opened_count) as opened,
    sum(interviewed_count) as interviewed,
    sum(offered_count) as offered,
    sum(hired_count) as hired,
    {{ ratio('sum(hired_count)', 'sum(opened_count)') }} as hired_ratio
from {{ ref('hiring_funnel_weekly') }}
group by role
order by opened desc, role asc
