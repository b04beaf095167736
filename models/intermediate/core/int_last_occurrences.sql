{{ config(
    incremental_strategy='delete+insert',
    unique_key='event'
) }}

with

arrived as (

    select
        event,
        max(occurred_at) as occurred_at,
        max(batch_id) as batch_id
    from {{ ref('stg_landing__events') }}
    -- A clock that runs ahead moves nothing.
    where {{ is_new() }} and not is_copy and occurred_at <= received_at
    group by event

),

latest as (

    {{ added_to_counts('arrived', ['event'], [], 'event', latest=['occurred_at']) }}

)

select * from latest
