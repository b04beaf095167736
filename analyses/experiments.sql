-- Did an experiment help?
select
    experiment_name,
    goal,
    variant,
    exposed_count,
    converted_ratio,
    difference,
    difference_low,
    difference_high,
    p_value,
    split_p_value
from {{ ref('experiment_results') }}
order by experiment_name, goal, variant
