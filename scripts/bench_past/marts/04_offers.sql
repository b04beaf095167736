-- Offers by month and role: how many, how answered, what was accepted in USD
select
    cast(date_trunc('month', offered_at) as date) as offered_month,
    role,
    count(*) as offers,
    count(case when answer = 'accepted' then 1 end) as accepted,
    count(case when answer = 'declined' then 1 end) as declined,
    sum(case when answer = 'accepted' then base_salary_reporting end) as accepted_salary
from marketplace.fct_offers
group by 1, 2
order by 1, 2
