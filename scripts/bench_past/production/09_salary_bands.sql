with requests as (
    select
        interview_requests.candidacy_id,
        interview_requests.answer,
        candidacies.position_id,
        cast(round(interview_requests.base_salary * rates.rate_to_usd) as integer) as salary
    from interview_requests
    join candidacies on interview_requests.candidacy_id = candidacies.id
    left join exchange_rates as rates
        on
            interview_requests.currency = rates.currency
            and cast(candidacies.created_at as date) >= rates.valid_from
            and cast(candidacies.created_at as date) < rates.valid_to
)

select
    roles.name as role,
    requests.salary - mod(requests.salary, 20000) as band,
    count(*) as requested,
    count(*) filter (where requests.answer = 'accepted') as accepted,
    count(offered.candidacy_id) as offered,
    count(*) filter (where offered.is_hired) as hired
from requests
join positions on requests.position_id = positions.id
join roles on positions.role_id = roles.id
left join (
    select candidacy_id, bool_or(answer = 'accepted') as is_hired
    from offers
    group by candidacy_id
) as offered on requests.candidacy_id = offered.candidacy_id
group by 1, 2
order by 1, 2
