{{ config(
    incremental_strategy='delete+insert',
    unique_key='event'
) }}

with

arrived as (

    select
        events.event,
        max(events.occurred_at) as occurred_at,
        max(events.batch_id) as batch_id
    from {{ ref('stg_landing__events') }} as events
    inner join {{ ref('stg_landing__batches') }} as batches on events.batch_id = batches.batch_id
    where
        {{ is_new('events') }}
        and not events.is_copy
        -- A clock that runs ahead, the producer's or the one that received it, moves nothing.
        and events.occurred_at <= events.received_at
        and events.occurred_at <= batches.committed_at
    group by events.event

),

latest as (

    {{ added_to_counts('arrived', ['event'], [], 'event', latest=['occurred_at']) }}

)

select * from latest
