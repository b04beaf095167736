-- Which events fail or arrive late?
select
    event,
    sum(landed_count) as landed,
    sum(failed_count) as failed,
    sum(late_count) as late,
    sum(duplicate_count) as duplicates
from {{ ref('event_health_daily') }}
group by event
order by failed desc, event asc
