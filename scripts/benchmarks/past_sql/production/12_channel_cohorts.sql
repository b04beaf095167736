select
    cast(date_trunc('month', users.created_at) as date) as signed_up_month,
    channels.name as channel,
    count(*) as candidates,
    count(requests.first_requested_at) as asked,
    count(*) filter (
        where requests.first_requested_at < users.created_at + interval '14 days'
    ) as asked_within_14_days
from users
join candidates on users.id = candidates.user_id
join channels on users.channel_id = channels.id
left join (
    select candidate_id, min(created_at) as first_requested_at
    from candidacies
    where origin = 'interview_request'
    group by candidate_id
) as requests on candidates.id = requests.candidate_id
group by 1, 2
order by 1, 2
