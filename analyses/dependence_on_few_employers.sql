-- How much of demand comes from the ten largest employers?
select
    liquidity_week,
    sum(open_position_count) as open_positions,
    sum(top_ten_position_count) as of_top_ten,
    {{ ratio('sum(top_ten_position_count)', 'sum(open_position_count)') }} as top_ten_ratio
from {{ ref('liquidity_weekly') }}
group by liquidity_week
order by liquidity_week
