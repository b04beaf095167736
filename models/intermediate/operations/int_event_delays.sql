{{ config(
    incremental_strategy='delete+insert',
    unique_key='received_on'
) }}

with

counted as (

    select
        cast(received_at as date) as received_on,
        event,
        {{ seconds_between('occurred_at', 'received_at') }} as delay_seconds,
        count(*) as event_count,
        max(batch_id) as batch_id
    from {{ ref('stg_landing__events') }}
    where not is_copy and {{ is_new() }}
    group by 1, 2, 3

),

-- Percentiles can't be added up, but the numbers of events by delay can.
summed as (

    {{ added_to_counts(
        'counted', ['received_on', 'event', 'delay_seconds'], ['event_count'], 'received_on'
    ) }}

)

select * from summed
