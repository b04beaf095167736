{{ config(
    incremental_strategy='delete+insert',
    unique_key='received_on',
    dist='received_on',
    sort='received_on'
) }}

with

arrived as (

    select
        cast(received_at as date) as received_on,
        event,
        {{ seconds_between('occurred_at', 'received_at') }} as delay_seconds,
        1 as event_count,
        batch_id
    from {{ ref('stg_landing__envelope') }}
    where not is_copy and {{ is_new() }}

),

-- Percentiles can't be added up, but how many events had which delay can.
united as (

    select * from arrived
    {% if is_incremental() %}
    union all
    select * from {{ this }}
    where received_on in (select arrived.received_on from arrived)
    {% endif %}

),

counted as (

    select
        received_on,
        event,
        delay_seconds,
        cast(sum(event_count) as bigint) as event_count,
        max(batch_id) as batch_id
    from united
    group by 1, 2, 3

)

select * from counted
