-- Do searches find candidates whom employers ask?
select
    role,
    sum(search_count) as searches,
    {{ ratio('sum(no_result_count)', 'sum(search_count)') }} as without_result,
    {{ ratio('sum(viewed_count)', 'sum(search_count)') }} as with_view,
    {{ ratio('sum(requested_in_7_days_count)', 'sum(search_count)') }} as with_request
from {{ ref('search_quality_weekly') }}
group by role
order by role
