with requests as (
    select
        cast(date_trunc('week', candidacies.created_at) as date) as requested_week,
        roles.name as role,
        interview_requests.answer,
        cast(
            extract(epoch from date_trunc('second', interview_requests.answered_at))
            - extract(epoch from date_trunc('second', candidacies.created_at)) as bigint
        ) as seconds
    from interview_requests
    join candidacies on interview_requests.candidacy_id = candidacies.id
    join positions on candidacies.position_id = positions.id
    join roles on positions.role_id = roles.id
)

select
    requested_week,
    role,
    count(*) as requests,
    count(answer) as answers,
    count(*) filter (where answer = 'accepted') as acceptances,
    percentile_disc(0.5) within group (order by seconds) as median_seconds,
    percentile_disc(0.9) within group (order by seconds) as p90_seconds
from requests
group by 1, 2
order by 1, 2
