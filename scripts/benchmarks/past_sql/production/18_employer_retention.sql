with cohorts as (
    select
        employers.id as employer_id,
        cast(date_trunc('week', users.created_at) as date) as signed_up_week
    from employers
    join users on employers.user_id = users.id
),

sizes as (
    select signed_up_week, count(*) as employers
    from cohorts
    group by 1
),

weeks as (
    select cast(week as date) as week
    from generate_series(
        (select date_trunc('week', min(created_at)) from users),
        (select date_trunc('week', max(created_at)) from page_views),
        interval '7 days'
    ) as week
),

hires as (
    select candidacy_id, min(answered_at) as hired_at
    from offers
    where answer = 'accepted'
    group by 1
),

happened as (
    select positions.employer_id, candidacies.created_at as happened_at, 'requested' as what
    from candidacies
    join positions on candidacies.position_id = positions.id
    where candidacies.origin = 'interview_request'
    union all
    select positions.employer_id, hires.hired_at, 'hired'
    from hires
    join candidacies on hires.candidacy_id = candidacies.id
    join positions on candidacies.position_id = positions.id
),

active as (
    select
        cohorts.signed_up_week,
        cast(date_trunc('week', happened.happened_at) as date) as week,
        count(distinct cohorts.employer_id) filter (where what = 'requested') as requested,
        count(distinct cohorts.employer_id) filter (where what = 'hired') as hired
    from happened
    join cohorts on happened.employer_id = cohorts.employer_id
    group by 1, 2
)

select
    sizes.signed_up_week,
    (weeks.week - sizes.signed_up_week) / 7 as weeks_since,
    sizes.employers,
    coalesce(active.requested, 0) as requested,
    coalesce(active.hired, 0) as hired
from sizes
join weeks on sizes.signed_up_week <= weeks.week
left join active on sizes.signed_up_week = active.signed_up_week and weeks.week = active.week
order by 1, 2
