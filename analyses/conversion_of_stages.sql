-- At which stage are candidacies lost?
select
    stage,
    sum(actual_left_count) as left_stage,
    sum(actual_forward_count) as moved_on,
    {{ ratio('sum(actual_forward_count)', 'sum(actual_left_count)') }} as moved_on_ratio
from {{ ref('stage_conversion_monthly') }}
group by stage, stage_rank
order by stage_rank
