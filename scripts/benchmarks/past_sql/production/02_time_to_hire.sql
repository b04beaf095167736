with hires as (
    select
        candidacies.created_at as opened_at,
        candidacies.origin,
        roles.name as role,
        min(offers.answered_at) as hired_at
    from offers
    join candidacies on offers.candidacy_id = candidacies.id
    join positions on candidacies.position_id = positions.id
    join roles on positions.role_id = roles.id
    where offers.answer = 'accepted'
    group by candidacies.id, roles.name
),

timed as (
    select
        cast(date_trunc('month', hired_at) as date) as hired_month,
        role,
        origin,
        cast(
            extract(epoch from date_trunc('second', hired_at))
            - extract(epoch from date_trunc('second', opened_at)) as bigint
        ) as seconds
    from hires
)

select
    hired_month,
    role,
    origin,
    count(*) as hired,
    percentile_disc(0.5) within group (order by seconds) as median_seconds,
    percentile_disc(0.9) within group (order by seconds) as p90_seconds
from timed
group by 1, 2, 3
order by 1, 2, 3
