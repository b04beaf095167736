{{ config(
    incremental_strategy='delete+insert',
    unique_key='known_on'
) }}

with

unknowns as (

    select distinct
        batch_id,
        batch_row
    from {{ ref('stg_landing__unknown_properties') }}
    where {{ is_new() }}

),

arrived as (

    select
        cast(events.known_at as date) as known_on,
        events.event,
        events.version,
        events.context_library_name,
        events.context_app_version,
        case when events.is_copy then 'copy' else 'event' end as kind,
        -- Late means by more than a day.
        {{ seconds_between('events.occurred_at', 'events.received_at') }} > 86400 as is_late,
        unknowns.batch_id is not null as has_unknown,
        events.replayed_at is not null as is_replayed,
        events.batch_id
    from {{ ref('stg_landing__events') }} as events
    left join unknowns
        on events.batch_id = unknowns.batch_id and events.batch_row = unknowns.batch_row
    where {{ is_new('events') }}
    union all
    select
        cast(received_at as date) as known_on,
        coalesce(event, 'unknown') as event,
        version,
        context_library_name,
        context_app_version,
        'failure' as kind,
        false as is_late,
        false as has_unknown,
        false as is_replayed,
        batch_id
    from {{ ref('stg_landing__failed_events') }}
    where {{ is_new() }}

),

counted as (

    select
        known_on,
        event,
        version,
        context_library_name,
        context_app_version,
        count(case when kind <> 'failure' then 1 end) as landed_count,
        count(case when kind = 'copy' then 1 end) as duplicate_count,
        count(case when kind = 'failure' then 1 end) as failed_count,
        count(case when kind = 'event' and is_late then 1 end) as late_count,
        count(case when kind = 'event' and has_unknown then 1 end) as unknown_property_count,
        count(case when kind = 'event' and is_replayed then 1 end) as replayed_count,
        max(batch_id) as batch_id
    from arrived
    group by 1, 2, 3, 4, 5

),

-- Rows that have arrived never change, so the counts of a day only grow.
summed as (

    {{ added_to_counts(
        'counted',
        ['known_on', 'event', 'version', 'context_library_name', 'context_app_version'],
        [
            'landed_count', 'duplicate_count', 'failed_count', 'late_count',
            'unknown_property_count', 'replayed_count'
        ],
        'known_on'
    ) }}

)

select * from summed
