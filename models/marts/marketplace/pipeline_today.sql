{{ config(materialized='table') }}

with

-- The stage in which a candidacy is when the day ends.
standing as (

    select
        as_of.as_of_day,
        visits.stage,
        visits.stage_rank,
        coalesce(candidacies.role, 'unknown') as role,
        {{ seconds_between('visits.entered_at', 'as_of.ends_at') }} as seconds_in_stage,
        {{ seconds_between('candidacies.opened_at', 'as_of.ends_at') }} as seconds_open
    from {{ ref('int_candidacy_stage_visits') }} as visits
    inner join {{ ref('data_as_of') }} as as_of
        on visits.entered_at < as_of.ends_at and coalesce(visits.left_at >= as_of.ends_at, true)
    inner join {{ ref('int_candidacies') }} as candidacies
        on visits.candidacy_id = candidacies.candidacy_id
    where visits.milestone not in ('hired', 'started', 'closed')

),

ranked as (

    select
        standing.*,
        row_number() over (
            partition by standing.stage, standing.role order by standing.seconds_in_stage
        ) as value_rank,
        row_number() over (
            partition by standing.stage, standing.role order by standing.seconds_open
        ) as open_rank,
        count(*) over (partition by standing.stage, standing.role) as value_count
    from standing

),

pipeline as (

    select
        as_of_day,
        stage,
        stage_rank,
        role,
        count(*) as candidacy_count,
        {% for days in [7, 14, 30] %}
        count(case when seconds_in_stage >= {{ days * 86400 }} then 1 end)
            as in_stage_{{ days }}_days_count,
        {% endfor %}
        {{ percentile('seconds_in_stage', 50) }} as median_seconds_in_stage,
        {{ percentile('seconds_in_stage', 90) }} as p90_seconds_in_stage,
        {{ percentile('seconds_open', 50, 'open_rank') }} as median_seconds_open,
        {{ percentile('seconds_open', 90, 'open_rank') }} as p90_seconds_open
    from ranked
    group by 1, 2, 3, 4

)

select * from pipeline
