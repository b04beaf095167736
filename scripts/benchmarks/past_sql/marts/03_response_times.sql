-- Answers to interview requests by week and role: how many, how fast
select
    requested_week,
    role,
    request_count,
    answer_count,
    accepted_count,
    median_seconds_to_answer,
    p90_seconds_to_answer
from marketplace.response_times_v2
order by 1, 2
