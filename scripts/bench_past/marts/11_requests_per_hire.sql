-- Requests and hires of employers by industry and size
select
    employers.industry,
    employers.employee_range,
    count(*) as employers,
    sum(candidacies.requests) as requests,
    sum(candidacies.hires) as hires
from (
    select employer_id, count(requested_at) as requests, count(hired_at) as hires
    from marketplace.fct_candidacies
    group by 1
) as candidacies
inner join core.dim_employers as employers on candidacies.employer_id = employers.employer_id
group by 1, 2
order by 1, 2
