-- Fails for each id that a producer has used for several events. An event that arrives again within
-- 30 days is a copy and counts once. Further apart, both rows count, and only a person can decide
-- whether they should: ask the producer named here. If they are different events, add the id to
-- seeds/reused_event_ids.csv, and this test ignores it; future ids have to be unique.
{% if execute and not is_built(['stg_landing__events', 'reused_event_ids']) %}
-- Only a part of the project has been built: there is nothing to test yet.
select 1 as row_count where 1 = 0
{% else %}
with

tested as (

    select distinct event_id
    from {{ ref('stg_landing__events') }}
    where not is_copy and batch_id > {{ tested_after() }}

),

-- Directly from the landed tables: the whole history is searched, and only the rows found are
-- joined to the batches and the copies.
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
    {{ join_copies('events.event') }}
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
