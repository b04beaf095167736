with

counted as (

    select
        events.failure_id,
        events.batch_id,
        events.batch_row,
        events.acted_at,
        events.actor,
        events.action,
        events.patch,
        events.reason,
        events.event_id,
        events.rule,
        events.pointer
    from {{ source('landing', 'failure_actions') }} as events
    {{ is_counted() }}

)

select * from counted
