-- Offers by month and role: how many, how answered, what was accepted in USD
select
    offered_month,
    role,
    offer_count,
    accepted_count,
    declined_count,
    accepted_salary_reporting
from marketplace.offers_monthly
order by 1, 2
