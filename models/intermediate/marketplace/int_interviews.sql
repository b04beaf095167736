{{ config(
    incremental_strategy='delete+insert',
    unique_key='interview_id'
) }}

with

touched as (

    {{ touched_keys('interview_id', [
        'stg_hiring__interview_scheduled', 'stg_hiring__interview_completed'
    ]) }}

),

-- An interview may be scheduled anew: it is to start when the last event says.
ranked_schedules as (

    select
        schedules.*,
        row_number() over (
            partition by schedules.interview_id
            order by schedules.occurred_at desc, schedules.event_id desc
        ) as place_from_last,
        min(schedules.occurred_at) over (partition by schedules.interview_id) as scheduled_at,
        count(*) over (partition by schedules.interview_id) as schedule_count,
        max(schedules.batch_id) over (partition by schedules.interview_id) as last_batch_id
    from {{ ref('stg_hiring__interview_scheduled') }} as schedules
    where {{ is_touched('interview_id', 'schedules') }}

),

-- It is held or missed once: the first outcome counts.
completions as (

    {{ first_event(
        'stg_hiring__interview_completed', 'interview_id', is_touched('interview_id')
    ) }}

),

interviews as (

    select
        schedules.interview_id,
        schedules.candidacy_id,
        schedules.stage,
        schedules.scheduled_at,
        schedules.scheduled_for,
        schedules.schedule_count,
        completions.occurred_at as completed_at,
        completions.outcome,
        greatest(schedules.last_batch_id, coalesce(completions.last_batch_id, 0)) as batch_id
    from ranked_schedules as schedules
    left join completions on schedules.interview_id = completions.interview_id
    where schedules.place_from_last = 1

)

select * from interviews
