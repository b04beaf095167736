with weeks as (
    select cast(week as date) as week, week + interval '7 days' as ended_at
    from generate_series(
        (select date_trunc('week', min(created_at)) from users),
        (select date_trunc('week', max(created_at)) from page_views),
        interval '7 days'
    ) as week
),

profiles as (
    select
        candidate_id,
        role_id,
        created_at as valid_from,
        lead(created_at) over (partition by candidate_id order by created_at) as valid_to
    from candidate_profiles
),

reviews as (
    select
        candidate_id,
        decision,
        created_at as valid_from,
        lead(created_at) over (partition by candidate_id order by created_at) as valid_to
    from candidate_reviews
),

availabilities as (
    select
        candidate_id,
        availability,
        created_at as valid_from,
        lead(created_at) over (partition by candidate_id order by created_at) as valid_to
    from candidate_availabilities
),

requested as (
    select distinct weeks.week, candidacies.candidate_id
    from weeks
    join candidacies
        on
            candidacies.created_at >= weeks.ended_at - interval '28 days'
            and candidacies.created_at < weeks.ended_at
    where candidacies.origin = 'interview_request'
),

supply as (
    select
        weeks.week,
        profiles.role_id,
        count(*) as candidates,
        count(requested.candidate_id) as requested
    from weeks
    join reviews
        on
            reviews.valid_from < weeks.ended_at
            and (reviews.valid_to >= weeks.ended_at or reviews.valid_to is null)
    join profiles
        on
            reviews.candidate_id = profiles.candidate_id
            and profiles.valid_from < weeks.ended_at
            and (profiles.valid_to >= weeks.ended_at or profiles.valid_to is null)
    left join availabilities
        on
            reviews.candidate_id = availabilities.candidate_id
            and availabilities.valid_from < weeks.ended_at
            and (availabilities.valid_to >= weeks.ended_at or availabilities.valid_to is null)
    left join requested
        on weeks.week = requested.week and reviews.candidate_id = requested.candidate_id
    where
        reviews.decision = 'accepted'
        and (availabilities.availability <> 'unavailable' or availabilities.availability is null)
    group by 1, 2
),

demand as (
    select weeks.week, positions.role_id, count(*) as open_positions
    from weeks
    join positions
        on
            positions.created_at < weeks.ended_at
            and (positions.closed_at >= weeks.ended_at or positions.closed_at is null)
    group by 1, 2
)

select
    week,
    roles.name as role,
    coalesce(supply.candidates, 0) as candidates,
    coalesce(supply.requested, 0) as requested,
    coalesce(demand.open_positions, 0) as open_positions
from supply
full join demand using (week, role_id)
join roles on role_id = roles.id
order by 1, 2
