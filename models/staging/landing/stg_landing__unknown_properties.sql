{{ config(sort='batch_id') }}

with

landed as (

    select
        events.event_id,
        events.event,
        events.batch_id,
        events.batch_row,
        events.name
    from {{ source('landing', 'unknown_properties') }} as events
    where {{ is_counted() }}

)

select * from landed
