-- How many days from opening to accepted offer does a hire take, by role and month?
select
    hired_month,
    role,
    origin,
    hired_count,
    cast(median_seconds_to_hire / 86400 as bigint) as median_days,
    cast(p90_seconds_to_hire / 86400 as bigint) as p90_days
from {{ ref('time_to_hire') }}
order by hired_month, role, origin
