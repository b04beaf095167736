{{ config(
    incremental_strategy='delete+insert',
    unique_key='received_on'
) }}

with

touched as (

    {{ touched_keys('received_on', ['int_event_delays']) }}

),

ranked as (

    select
        delays.*,
        cast(
            sum(delays.event_count) over (
                partition by delays.received_on, delays.event
                order by delays.delay_seconds
                rows unbounded preceding
            ) as bigint
        ) as last_rank,
        cast(
            sum(delays.event_count) over (partition by delays.received_on, delays.event) as bigint
        ) as value_count
    from {{ ref('int_event_delays') }} as delays
    where {{ is_touched('received_on', 'delays') }}

),

timed as (

    select
        received_on,
        event,
        max(value_count) as event_count,
        {{ percentile('delay_seconds', 50, 'last_rank', value_times='event_count') }}
            as median_delay_seconds,
        {{ percentile('delay_seconds', 90, 'last_rank', value_times='event_count') }}
            as p90_delay_seconds,
        {{ percentile('delay_seconds', 99, 'last_rank', value_times='event_count') }}
            as p99_delay_seconds,
        max(batch_id) as batch_id
    from ranked
    group by 1, 2

)

select * from timed
