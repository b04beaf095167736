{{ config(
    incremental_strategy='delete+insert',
    unique_key=['event', 'version', 'property'],
    dist='event',
    sort='event'
) }}

with

seen as (

    select
        events.event,
        events.version,
        unknowns.name as property,
        1 as seen_count,
        cast(events.known_at as date) as last_seen_on,
        events.batch_id
    from {{ ref('stg_landing__unknown_properties') }} as unknowns
    inner join {{ ref('stg_landing__envelope') }} as events
        on unknowns.batch_id = events.batch_id and unknowns.batch_row = events.batch_row
    where {{ is_new('unknowns') }} and {{ is_new('events') }}

),

united as (

    select * from seen
    {% if is_incremental() %}
    union all
    select earlier.* from {{ this }} as earlier
    where earlier.property in (select seen.property from seen)
    {% endif %}

),

counted as (

    select
        event,
        version,
        property,
        cast(sum(seen_count) as bigint) as seen_count,
        max(last_seen_on) as last_seen_on,
        max(batch_id) as batch_id
    from united
    group by 1, 2, 3

)

select * from counted
