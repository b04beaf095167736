-- Fails for each id that a producer has given to several events. What comes again within 30 days is
-- a copy and counts once. Further apart, both rows count, and only a person can tell whether they
-- should: ask the producer named here. If the events are different ones, list the id in
-- seeds/reused_event_ids.csv, and this test leaves it out; the ids to come have to be unique.
{% if execute and not is_built(['stg_landing__events', 'reused_event_ids']) %}
-- A part was built before the rest: there is nothing to test yet.
select 1 as row_count where 1 = 0
{% else %}
with

tested as (

    select distinct event_id
    from {{ ref('stg_landing__events') }}
    where not is_copy and batch_id > {{ tested_after() }}

),

-- Straight from the landed tables: the whole history is searched, and only what is found is held
-- against the batches and the copies.
found as (

    select events.*
    from (
        {{ all_events() }}
    ) as events
    where events.event_id in (select tested.event_id from tested)

),

counted as (

    select
        events.event,
        events.event_id,
        max(events.context_library_name) as producer,
        max(events.context_app_version) as producer_version,
        min(events.occurred_at) as first_at,
        max(events.occurred_at) as last_at,
        count(*) as row_count
    from found as events
    {{ is_counted() }}
    left join {{ ref('stg_landing__copies') }} as copies
        on
            events.event = copies.event
            and events.batch_id = copies.batch_id
            and events.batch_row = copies.batch_row
    where copies.batch_id is null
    group by 1, 2
    having count(*) > 1

),

unknown as (

    select counted.*
    from counted
    left join {{ ref('reused_event_ids') }} as known
        on counted.event = known.event and counted.event_id = known.event_id
    where known.event_id is null

)

select * from unknown
{% endif %}
