{{ config(
    incremental_strategy='delete+insert',
    unique_key='left_month'
) }}

with

-- All visits of a changed candidacy carry its latest batch, and a time at which a visit ended stays
-- a time at which one ends, so these are all months in which one may have been counted so far.
touched as (

    select distinct cast(date_trunc('month', left_at) as date) as left_month
    from {{ ref('int_candidacy_stage_visits') }}
    where left_at is not null and {{ is_changed() }}

),

visits as (

    select
        cast(date_trunc('month', left_at) as date) as left_month,
        stage,
        {{ seconds_between('entered_at', 'left_at') }} as seconds_in_stage,
        batch_id
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
    where {{ is_touched('left_month', 'visits') }}

),

timed as (

    select
        left_month,
        stage,
        count(*) as visit_count,
        cast(sum(seconds_in_stage) as bigint) as total_seconds,
        {{ percentile('seconds_in_stage', 50) }} as median_seconds,
        {{ percentile('seconds_in_stage', 90) }} as p90_seconds,
        max(batch_id) as batch_id
    from ranked
    group by 1, 2

)

select * from timed
