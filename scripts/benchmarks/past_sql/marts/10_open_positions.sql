-- Positions open at each month end, and the most they paid, by role and currency
select
    months.month_end,
    positions.role,
    positions.currency,
    count(*) as open_positions,
    sum(positions.max_salary) as max_salary
from (
    select date_day as month_end from core.dim_dates
    where day_of_month = 1 and date_day between date '2025-02-01' and date '2026-01-01'
) as months
inner join core.dim_positions_history as positions
    on
        positions.valid_from < months.month_end
        and (positions.valid_to >= months.month_end or positions.valid_to is null)
where positions.status = 'open'
group by 1, 2, 3
order by 1, 2, 3
