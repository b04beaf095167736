-- Median and p90 time in each stage
select
    stage,
    count(*) as visits,
    count(seconds_in_stage) as finished,
    sum(seconds_in_stage) as seconds,
    percentile_disc(0.5) within group (order by seconds_in_stage) as median_seconds,
    percentile_disc(0.9) within group (order by seconds_in_stage) as p90_seconds
from marketplace.fct_candidacy_stages
group by 1
order by 1
