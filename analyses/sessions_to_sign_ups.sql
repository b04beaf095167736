-- How many visits become sign-ups?
select
    cast(date_trunc('week', started_at) as date) as week_start,
    count(*) as sessions,
    count(distinct person_id) as visitors,
    count(signed_up_as) as sign_ups,
    {{ ratio('count(signed_up_as)', 'count(*)') }} as sign_up_ratio
from {{ ref('fct_sessions') }}
group by 1
order by 1
