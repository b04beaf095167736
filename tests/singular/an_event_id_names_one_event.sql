-- Fails for each id that a producer has given to several events. Whatever comes again within 30 days
-- is a copy and counts once; further apart, both rows count, and only a person can tell whether they
-- should. Ask the producer named here. If the events are different ones, list the id in
-- seeds/reused_event_ids.csv, and this test leaves it out; the ids to come have to be unique.
with

events as (

    select * from {{ ref('stg_landing__events') }}
    where not is_copy

),

tested as (

    select distinct
        event,
        event_id
    from events
    where batch_id > {{ tested_after() }}

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
    from events
    inner join tested on events.event = tested.event and events.event_id = tested.event_id
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
