with months as (
    select cast(month as date) as month, cast(month + interval '1 month' as date) as month_end
    from generate_series(
        (select date_trunc('month', min(created_at)) from users),
        (select date_trunc('month', max(created_at)) from users),
        interval '1 month'
    ) as month
),

profiles as (
    select
        candidate_id,
        role_id,
        years_experience,
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
)

select
    months.month,
    roles.name as role,
    count(*) as candidates,
    sum(profiles.years_experience) as years_experience
from months
join reviews
    on
        reviews.valid_from < months.month_end
        and (reviews.valid_to >= months.month_end or reviews.valid_to is null)
join profiles
    on
        reviews.candidate_id = profiles.candidate_id
        and profiles.valid_from < months.month_end
        and (profiles.valid_to >= months.month_end or profiles.valid_to is null)
join roles on profiles.role_id = roles.id
left join availabilities
    on
        reviews.candidate_id = availabilities.candidate_id
        and availabilities.valid_from < months.month_end
        and (availabilities.valid_to >= months.month_end or availabilities.valid_to is null)
where
    reviews.decision = 'accepted'
    and (availabilities.availability <> 'unavailable' or availabilities.availability is null)
group by 1, 2
order by 1, 2
