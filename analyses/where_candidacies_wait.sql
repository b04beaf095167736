-- Where do candidacies wait today, and for how long?
select
    stage,
    sum(candidacy_count) as candidacies,
    sum(in_stage_14_days_count) as for_14_days,
    sum(in_stage_30_days_count) as for_30_days
from {{ ref('pipeline_today') }}
group by stage, stage_rank
order by stage_rank
