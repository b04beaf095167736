-- Median and p90 time to hire by month, role and origin
select hired_month, role, origin, hired_count, median_seconds_to_hire, p90_seconds_to_hire
from marketplace.time_to_hire
order by 1, 2, 3
