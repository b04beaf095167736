{{ config(
    incremental_strategy='delete+insert',
    unique_key='known_on',
    dist='known_on',
    sort='known_on'
) }}

with

unknowns as (

    select distinct
        batch_id,
        batch_row
    from {{ ref('stg_landing__unknown_properties') }}
    where {{ is_new() }}

),

landed as (

    select
        cast(events.known_at as date) as known_on,
        events.event,
        events.version,
        events.context_library_name,
        events.context_app_version,
        1 as landed_count,
        case when events.is_copy then 1 else 0 end as duplicate_count,
        0 as failed_count,
        -- More than a day.
        case
            when
                not events.is_copy
                and {{ seconds_between('events.occurred_at', 'events.received_at') }} > 86400
                then 1
            else 0
        end as late_count,
        case
            when not events.is_copy and unknowns.batch_id is not null then 1 else 0
        end as unknown_property_count,
        case
            when not events.is_copy and events.replayed_at is not null then 1 else 0
        end as replayed_count,
        events.batch_id
    from {{ ref('stg_landing__envelope') }} as events
    left join unknowns
        on events.batch_id = unknowns.batch_id and events.batch_row = unknowns.batch_row
    where {{ is_new('events') }}

),

failed as (

    select
        cast(received_at as date) as known_on,
        coalesce(event, 'unknown') as event,
        version,
        context_library_name,
        context_app_version,
        0 as landed_count,
        0 as duplicate_count,
        1 as failed_count,
        0 as late_count,
        0 as unknown_property_count,
        0 as replayed_count,
        batch_id
    from {{ ref('stg_landing__failed_events') }}
    where {{ is_new() }}

),

arrived as (

    select * from landed
    union all
    select * from failed
    {% if is_incremental() %}
    -- What arrived once stays as it is, so the days' counts of until now only grow.
    union all
    select * from {{ this }}
    -- One search: PostgreSQL plans two with an `or` between them row by row.
    where
        known_on in (
            select landed.known_on from landed
            union all
            select failed.known_on from failed
        )
    {% endif %}

),

counted as (

    select
        known_on,
        event,
        version,
        context_library_name,
        context_app_version,
        cast(sum(landed_count) as bigint) as landed_count,
        cast(sum(duplicate_count) as bigint) as duplicate_count,
        cast(sum(failed_count) as bigint) as failed_count,
        cast(sum(late_count) as bigint) as late_count,
        cast(sum(unknown_property_count) as bigint) as unknown_property_count,
        cast(sum(replayed_count) as bigint) as replayed_count,
        max(batch_id) as batch_id
    from arrived
    group by 1, 2, 3, 4, 5

)

select * from counted
