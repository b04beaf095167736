-- How fast do candidates answer requests, and how often do they accept?
select
    requested_week,
    sum(request_count) as requests,
    {{ ratio('sum(answer_count)', 'sum(request_count)') }} as answered_ratio,
    {{ ratio('sum(accepted_count)', 'sum(request_count)') }} as accepted_ratio
from {{ ref('response_times') }}
group by requested_week
order by requested_week
