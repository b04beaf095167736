{{ config(materialized='view') }}

with

contracted as (

    select
        event,
        version,
        property,
        true as is_contracted,
        is_required,
        event_count,
        event_last_on,
        seen_count,
        last_seen_on,
        batch_id
    from {{ ref('stg_landing__properties') }}

),

events as (

    select
        event,
        version,
        max(event_count) as event_count,
        max(event_last_on) as event_last_on
    from contracted
    group by 1, 2

),

unknowns as (

    select
        unknowns.event,
        unknowns.version,
        unknowns.property,
        false as is_contracted,
        false as is_required,
        events.event_count,
        events.event_last_on,
        unknowns.seen_count,
        unknowns.last_seen_on,
        unknowns.batch_id
    from {{ ref('int_unknown_property_counts') }} as unknowns
    left join events on unknowns.event = events.event and unknowns.version = events.version
    -- A property that was added to its contract later counts as contracted from then on.
    left join contracted
        on
            unknowns.event = contracted.event
            and unknowns.version = contracted.version
            and unknowns.property = contracted.property
    where contracted.property is null

),

covered as (

    select * from contracted
    union all
    select * from unknowns

)

select * from covered
