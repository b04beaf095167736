with

timed as (

    select
        received_on,
        event,
        event_count,
        median_delay_seconds,
        p90_delay_seconds,
        p99_delay_seconds
    from {{ ref('int_event_delay_percentiles') }}

)

select * from timed
