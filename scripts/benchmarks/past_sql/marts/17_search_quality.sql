-- Searches by week and role: without a result, with a view, with a request within 7 days
select
    searched_week,
    role,
    search_count,
    no_result_count,
    viewed_count,
    requested_in_7_days_count,
    requested_candidate_count
from marketplace.search_quality_weekly
order by 1, 2
