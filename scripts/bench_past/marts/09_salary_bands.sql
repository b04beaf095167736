-- What becomes of interview requests, by role and band of 20,000 USD
select
    role,
    base_salary_reporting - mod(base_salary_reporting, 20000) as band,
    count(*) as requested,
    count(accepted_at) as accepted,
    count(offered_at) as offered,
    count(hired_at) as hired
from marketplace.fct_candidacies
where origin = 'interview_request'
group by 1, 2
order by 1, 2
