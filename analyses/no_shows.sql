-- How often does somebody miss an interview?
select
    stage,
    count(*) as interviews,
    count(case when status = 'held' then 1 end) as held,
    count(case when status = 'missed' then 1 end) as missed
from {{ ref('fct_interviews') }}
group by stage
order by stage
