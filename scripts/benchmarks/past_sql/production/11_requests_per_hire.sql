select
    totals.opened_month,
    employers.industry,
    employers.employee_range,
    count(*) as employers,
    sum(totals.requests) as requests,
    sum(totals.hires) as hires
from (
    select
        positions.employer_id,
        cast(date_trunc('month', candidacies.created_at) as date) as opened_month,
        count(*) filter (where candidacies.origin = 'interview_request') as requests,
        count(hires.candidacy_id) as hires
    from candidacies
    join positions on candidacies.position_id = positions.id
    left join (
        select distinct candidacy_id from offers where answer = 'accepted'
    ) as hires on candidacies.id = hires.candidacy_id
    group by 1, 2
) as totals
join employers on totals.employer_id = employers.id
group by 1, 2, 3
order by 1, 2, 3
