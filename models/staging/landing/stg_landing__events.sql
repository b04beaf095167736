with

landed as (

    {{ all_events() }}

),

marked as (

    select
        events.event,
        events.version,
        events.event_id,
        events.occurred_at,
        events.received_at,
        events.replayed_at,
        coalesce(events.replayed_at, events.received_at) as known_at,
        events.batch_id,
        events.batch_row,
        events.context_library_name,
        events.context_app_version,
        copies.batch_id is not null as is_copy
    from landed as events
    {{ is_counted() }}
    {{ join_copies('events.event') }}

)

select * from marked
