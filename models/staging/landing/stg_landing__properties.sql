-- There are only a few hundred rows, so each run rewrites them all.
{{ config(
    incremental_strategy='delete+insert',
    unique_key=['event', 'version', 'property'],
    dist='all'
) }}

with

counted as (

    {{ property_counts() }}

),

earlier as (

    {% if is_incremental() %}
    select * from {{ this }}
    {% else %}
    select * from counted where 1 = 0
    {% endif %}

),

summed as (

    select
        counted.event,
        counted.version,
        counted.property,
        counted.is_required,
        counted.event_count + coalesce(earlier.event_count, 0) as event_count,
        greatest(
            coalesce(counted.event_last_on, earlier.event_last_on),
            coalesce(earlier.event_last_on, counted.event_last_on)
        ) as event_last_on,
        counted.seen_count + coalesce(earlier.seen_count, 0) as seen_count,
        greatest(
            coalesce(counted.last_seen_on, earlier.last_seen_on),
            coalesce(earlier.last_seen_on, counted.last_seen_on)
        ) as last_seen_on,
        greatest(counted.batch_id, coalesce(earlier.batch_id, 0)) as batch_id
    from counted
    left join earlier
        on
            counted.event = earlier.event
            and counted.version = earlier.version
            and counted.property = earlier.property

)

select * from summed
