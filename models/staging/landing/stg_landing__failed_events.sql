with

counted as (

    select
        events.failure_id,
        events.batch_id,
        events.batch_row,
        events.received_at,
        events.input,
        events.line,
        events.byte_count,
        events.event,
        events.event_id,
        events.version,
        events.context_library_name,
        events.context_app_version,
        events.rule,
        events.pointer,
        events.reason_count
    from {{ source('landing', 'failed_events') }} as events
    {{ is_counted() }}

)

select * from counted
