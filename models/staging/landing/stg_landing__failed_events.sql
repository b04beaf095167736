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
        -- An empty name is none, as for the fingerprint.
        cast(nullif(events.event, '') as varchar(128)) as event,
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
