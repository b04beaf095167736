-- How many offers are accepted, and what do they pay?
select
    offered_month,
    sum(offer_count) as offers,
    sum(accepted_count) as accepted,
    {{ ratio('sum(accepted_count)', 'sum(offer_count)') }} as accepted_ratio,
    sum(accepted_salary_reporting) as accepted_salaries
from {{ ref('offers_monthly') }}
group by offered_month
order by offered_month
