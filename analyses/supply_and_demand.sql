-- For which roles are there too few candidates?
select
    role,
    sum(searchable_count) as candidates,
    sum(open_position_count) as open_positions,
    {{ ratio('sum(searchable_count)', 'sum(open_position_count)') }} as candidates_per_position,
    {{ ratio('sum(requested_count)', 'sum(searchable_count)') }} as utilisation
from {{ ref('liquidity_weekly') }}
where
    liquidity_week
    = (select max(weeks.liquidity_week) from {{ ref('liquidity_weekly') }} as weeks)
group by role
order by candidates_per_position, role
