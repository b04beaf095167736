-- Which employers have brought most?
select
    employers.company_name,
    customers.placement_count,
    customers.net_fees_reporting as net_fees,
    customers.subscription_revenue_reporting as subscriptions,
    customers.lifetime_value_reporting as lifetime_value
from {{ ref('customer_lifetime_value') }} as customers
inner join {{ ref('dim_employers') }} as employers on customers.employer_id = employers.employer_id
order by lifetime_value desc, customers.employer_id asc
limit 10
