-- How many candidacies leave a stage, and how many of them get further, by month and stage
select
    left_month,
    stage,
    sum(actual_left_count) as left_stage,
    sum(actual_forward_count) as moved_on
from marketplace.stage_conversion_monthly
group by 1, 2
having sum(actual_left_count) > 0
order by 1, 2
