select
    roles.name as role,
    requests.currency,
    requests.base_salary - mod(requests.base_salary, 20000) as band,
    count(*) as requested,
    count(*) filter (where requests.answer = 'accepted') as accepted,
    count(offered.candidacy_id) as offered,
    count(*) filter (where offered.is_hired) as hired
from interview_requests as requests
join candidacies on requests.candidacy_id = candidacies.id
join positions on candidacies.position_id = positions.id
join roles on positions.role_id = roles.id
left join (
    select candidacy_id, bool_or(answer = 'accepted') as is_hired
    from offers
    group by candidacy_id
) as offered on requests.candidacy_id = offered.candidacy_id
group by 1, 2, 3
order by 1, 2, 3
