select
    cast(date_trunc('month', offers.created_at) as date) as offered_month,
    roles.name as role,
    count(*) as offers,
    count(*) filter (where offers.answer = 'accepted') as accepted,
    count(*) filter (where offers.answer = 'declined') as declined,
    round(
        sum(offers.base_salary * rates.rate_to_usd) filter (where offers.answer = 'accepted')
    ) as accepted_salary
from offers
join candidacies on offers.candidacy_id = candidacies.id
join positions on candidacies.position_id = positions.id
join roles on positions.role_id = roles.id
left join exchange_rates as rates
    on
        offers.currency = rates.currency
        and cast(offers.created_at as date) >= rates.valid_from
        and cast(offers.created_at as date) < rates.valid_to
group by 1, 2
order by 1, 2
