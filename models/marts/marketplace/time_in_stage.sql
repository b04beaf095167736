{{ config(materialized='table') }}

with

visits as (

    select
        cast(date_trunc('month', left_at) as date) as left_month,
        stage,
        {{ seconds_between('entered_at', 'left_at') }} as seconds_in_stage
    from {{ ref('int_candidacy_stage_visits') }}
    where left_at is not null

),

ranked as (

    select
        visits.*,
        row_number() over (
            partition by visits.left_month, visits.stage order by visits.seconds_in_stage
        ) as value_rank,
        count(*) over (partition by visits.left_month, visits.stage) as value_count
    from visits

),

timed as (

    select
        left_month,
        stage,
        count(*) as visit_count,
        cast(sum(seconds_in_stage) as bigint) as total_seconds,
        {{ percentile('seconds_in_stage', 50) }} as median_seconds,
        {{ percentile('seconds_in_stage', 90) }} as p90_seconds
    from ranked
    group by 1, 2

)

select * from timed
