select
    cast(date_trunc('week', candidacies.created_at) as date) as opened_week,
    roles.name as role,
    channels.name as channel,
    count(*) as opened,
    count(*) filter (where requests.answer = 'accepted') as accepted,
    count(interviewing.candidacy_id) as interviewed,
    count(offered.candidacy_id) as offered,
    count(*) filter (where offered.is_hired) as hired,
    count(placements.id) as started
from candidacies
join positions on candidacies.position_id = positions.id
join roles on positions.role_id = roles.id
join candidates on candidacies.candidate_id = candidates.id
join users on candidates.user_id = users.id
join channels on users.channel_id = channels.id
left join interview_requests as requests on candidacies.id = requests.candidacy_id
left join (
    select distinct stage_transitions.candidacy_id
    from stage_transitions
    join stages on stage_transitions.stage_id = stages.id
    where stages.milestone = 'interviewed'
) as interviewing on candidacies.id = interviewing.candidacy_id
left join (
    select candidacy_id, coalesce(bool_or(answer = 'accepted'), false) as is_hired
    from offers
    group by candidacy_id
) as offered on candidacies.id = offered.candidacy_id
left join placements on candidacies.id = placements.candidacy_id
group by 1, 2, 3
order by 1, 2, 3
