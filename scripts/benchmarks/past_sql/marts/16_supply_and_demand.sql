-- Supply and demand at each week's end, by role: candidates, those of them asked, open positions
select
    liquidity_week,
    role,
    sum(searchable_count) as candidates,
    sum(requested_count) as requested,
    sum(open_position_count) as open_positions
from marketplace.liquidity_weekly
group by 1, 2
order by 1, 2
