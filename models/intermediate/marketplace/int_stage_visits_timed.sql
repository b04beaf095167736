{{ config(
    incremental_strategy='delete+insert',
    unique_key='left_month',
    dist='left_month',
    sort='left_month'
) }}

with

visits as {{ inlined() }} (

    select
        visits.*,
        cast(date_trunc('month', visits.left_at) as date) as left_month,
        {{ seconds_between('visits.entered_at', 'visits.left_at') }} as seconds_in_stage
    from {{ ref('int_candidacy_stages_visited') }} as visits
    where visits.left_at is not null

),

-- All visits of a changed candidacy carry its last batch, and a moment at which one of them ended
-- stays one at which one ends, so this is every month that one may have been counted in until now.
touched as (

    select distinct left_month from visits where {{ is_new() }}

),

ranked as (

    select
        visits.left_month,
        visits.stage,
        visits.seconds_in_stage,
        visits.batch_id,
        row_number() over (
            partition by visits.left_month, visits.stage order by visits.seconds_in_stage
        ) as value_rank,
        count(*) over (partition by visits.left_month, visits.stage) as value_count
    from visits
    inner join touched on visits.left_month = touched.left_month

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
