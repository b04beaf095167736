{{ config(
    incremental_strategy='delete+insert',
    unique_key=['event', 'version', 'property']
) }}

with

counted as (

    select
        events.event,
        events.version,
        unknowns.name as property,
        count(*) as seen_count,
        max(cast(events.known_at as date)) as last_seen_on,
        max(events.batch_id) as batch_id
    from {{ ref('stg_landing__unknown_properties') }} as unknowns
    inner join {{ ref('stg_landing__events') }} as events
        on unknowns.batch_id = events.batch_id and unknowns.batch_row = events.batch_row
    where {{ is_new('unknowns') }} and {{ is_new('events') }}
    group by 1, 2, 3

),

summed as (

    {{ added_to_counts(
        'counted', ['event', 'version', 'property'], ['seen_count'], 'property',
        latest=['last_seen_on']
    ) }}

)

select * from summed
