-- Median and p90 time in each stage, by month of leaving
select left_month, stage, visit_count, total_seconds, median_seconds, p90_seconds
from marketplace.time_in_stage
order by 1, 2
