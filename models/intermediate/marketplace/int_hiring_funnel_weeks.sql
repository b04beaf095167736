{{ config(
    incremental_strategy='delete+insert',
    unique_key='opened_week'
) }}

with

-- All visits of a changed candidacy carry its latest batch, so these are all weeks in which one of
-- them may have been counted so far. A week that becomes empty keeps a row of zeros.
touched as (

    select cast(date_trunc('week', entered_at) as date) as opened_week
    from {{ ref('int_candidacy_stage_visits') }}
    where milestone = 'opened' and {{ is_changed() }}
    union
    select cast(date_trunc('week', opened_at) as date) as opened_week
    from {{ ref('int_candidacies') }}
    where {{ is_changed() }}

),

counted as (

    select
        touched.opened_week,
        coalesce(candidacies.role, 'unknown') as role,
        coalesce(candidacies.location, 'unknown') as location,
        coalesce(candidacies.channel, 'unknown') as channel,
        candidacies.origin,
        count(candidacies.candidacy_id) as opened_count,
        count(candidacies.accepted_at) as accepted_count,
        count(candidacies.screened_at) as screened_count,
        count(candidacies.interviewed_at) as interviewed_count,
        count(candidacies.offered_at) as offered_count,
        count(candidacies.hired_at) as hired_count,
        count(candidacies.started_at) as started_count,
        coalesce(max(candidacies.batch_id), 0) as batch_id
    from touched
    left join {{ ref('int_candidacies') }} as candidacies
        on touched.opened_week = cast(date_trunc('week', candidacies.opened_at) as date)
    group by 1, 2, 3, 4, 5

)

select * from counted
