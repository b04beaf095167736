with

counted as (

    select
        events.event_id,
        events.event,
        events.batch_id,
        events.batch_row,
        events.name
    from {{ source('landing', 'unknown_properties') }} as events
    {{ is_counted() }}

)

select * from counted
