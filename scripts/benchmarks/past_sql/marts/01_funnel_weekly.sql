-- Weekly funnel by role and channel
select
    opened_week,
    role,
    channel,
    sum(opened_count) as opened,
    sum(accepted_count) as accepted,
    sum(interviewed_count) as interviewed,
    sum(offered_count) as offered,
    sum(hired_count) as hired,
    sum(started_count) as started
from marketplace.hiring_funnel_weekly
group by 1, 2, 3
order by 1, 2, 3
