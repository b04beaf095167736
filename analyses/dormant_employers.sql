-- Which employers with open positions have stopped asking?
select
    employer_id,
    open_position_count,
    request_count,
    dormant_since
from {{ ref('employer_health') }}
where dormant_since is not null and open_position_count > 0
order by request_count desc, employer_id asc
limit 10
