-- One run, the first as well as each later one. What is new is told by the time of the event:
-- persons who were seen since the latest page view, less the lookback, are recomputed with their
-- whole history.
create temporary table bounds on commit drop as
select coalesce(max(viewed_at), '-infinity') - cast(%(lookback)s as interval) as seen_since
from page_views;

create temporary table links on commit drop as
select distinct on (event_id) event_id, occurred_at, previous_id, person_id, method
from identity_linked
order by event_id, received_at;

-- Who is who, computed anew in each run: it is small.
truncate person_ids;
insert into person_ids
with recursive ends as (
    select previous_id as id, person_id as other_id, person_id, method, occurred_at, event_id
    from links
    union
    select person_id, previous_id, person_id, method, occurred_at, event_id
    from links
),

merges (id, other_id) as (
    select id, id from ends where method = 'merge'
    union
    select merges.id, ends.other_id
    from merges
    join ends on merges.other_id = ends.id
    where ends.method = 'merge'
),

-- The last merge names the person.
merged as (
    select distinct on (merges.id) merges.id, ends.person_id
    from merges
    join ends on merges.other_id = ends.id
    where ends.method = 'merge'
    order by merges.id, ends.occurred_at desc, ends.event_id desc
),

-- An anonymous id belongs to the first user of its browser.
known as (
    select distinct on (id)
        id,
        person_id as first_user_id,
        bool_or(id = person_id or method = 'merge') over (partition by id) as is_user
    from ends
    order by id, occurred_at, event_id
)

select
    known.id,
    coalesce(merged.person_id, case when is_user then known.id else first_user_id end),
    known.is_user
from known
left join merged on case when is_user then known.id else first_user_id end = merged.id;
analyze person_ids;

create temporary table touched (person_id varchar(128) primary key) on commit drop;
insert into touched
select coalesce(ids.person_id, seen.visitor_id)
from (
    select coalesce(user_id, anonymous_id, event_id) as visitor_id
    from page_viewed
    join bounds on page_viewed.occurred_at >= bounds.seen_since
) as seen
left join person_ids as ids on seen.visitor_id = ids.id
union
select ids.person_id
from (
    select previous_id as id, occurred_at from links
    union all
    select person_id, occurred_at from links
) as linked
join bounds on linked.occurred_at >= bounds.seen_since
join person_ids as ids on linked.id = ids.id;

-- Also persons whom links have given page views, or taken them from, however old these are.
insert into touched
select unnest(array[views.person_id, ids.person_id])
from page_views as views
join person_ids as ids on views.visitor_id = ids.id
where %(restitch)s and views.person_id <> ids.person_id
on conflict do nothing;
analyze touched;

create temporary table views on commit drop as
select distinct on (viewed.event_id)
    viewed.event_id,
    viewed.visitor_id,
    coalesce(ids.person_id, viewed.visitor_id) as person_id,
    viewed.user_id,
    viewed.anonymous_id,
    viewed.occurred_at as viewed_at,
    viewed.page_name,
    viewed.context_page_url as page_url,
    viewed.context_page_referrer as referrer,
    nullif(viewed.context_utm_source, '') as utm_source,
    nullif(viewed.context_utm_medium, '') as utm_medium,
    nullif(viewed.context_utm_campaign, '') as utm_campaign,
    case
        when viewed.context_user_agent ~* 'ipad|tablet' then 'tablet'
        when viewed.context_user_agent ~* 'mobi' then 'mobile'
        when viewed.context_user_agent ~* 'android' then 'tablet'
        when viewed.context_user_agent is not null then 'desktop'
    end as device
from (
    select page_viewed.*, coalesce(user_id, anonymous_id, event_id) as visitor_id
    from page_viewed
) as viewed
left join person_ids as ids on viewed.visitor_id = ids.id
where coalesce(ids.person_id, viewed.visitor_id) in (select person_id from touched)
order by viewed.event_id, viewed.received_at;
create index on views (event_id);
analyze views;

with replaced as (
    delete from page_views
    using views
    where page_views.page_view_id = views.event_id
    returning page_views.person_id
)

insert into touched
select person_id from replaced
on conflict do nothing;

insert into page_views
with placed as (
    select
        *,
        coalesce(utm_source, utm_medium, utm_campaign) is not null as has_campaign,
        coalesce(
            viewed_at > lag(viewed_at) over in_order + interval '30 minutes', true
        ) as is_after_silence
    from views
    window in_order as (partition by person_id order by viewed_at, event_id)
),

visits as (
    select
        *,
        count(*) filter (where is_after_silence) over (
            partition by person_id order by viewed_at, event_id rows unbounded preceding
        ) as visit_number
    from placed
),

-- A session also ends where another campaign leads to a page.
campaigns as (
    select
        *,
        is_after_silence or (utm_source, utm_medium, utm_campaign) is distinct from (
            lag(utm_source) over in_visit,
            lag(utm_medium) over in_visit,
            lag(utm_campaign) over in_visit
        ) as is_first
    from visits
    window in_visit as (
        partition by person_id, visit_number, has_campaign order by viewed_at, event_id
    )
),

numbered as (
    select
        *,
        count(*) filter (where is_first) over (
            partition by person_id order by viewed_at, event_id rows unbounded preceding
        ) as session_number
    from campaigns
)

select
    event_id,
    visitor_id,
    first_value(event_id) over in_session,
    session_number,
    person_id,
    user_id,
    anonymous_id,
    viewed_at,
    row_number() over in_session,
    page_name,
    page_url,
    referrer,
    utm_source,
    utm_medium,
    utm_campaign,
    device
from numbered
window in_session as (
    partition by person_id, session_number order by viewed_at, event_id
);

delete from sessions
using touched
where sessions.person_id = touched.person_id;

insert into sessions
select
    session_id,
    person_id,
    session_number,
    min(viewed_at),
    max(viewed_at),
    cast(
        extract(epoch from date_trunc('second', max(viewed_at)))
        - extract(epoch from date_trunc('second', min(viewed_at))) as bigint
    ),
    count(*),
    max(page_name) filter (where session_page_number = 1),
    max(page_url) filter (where session_page_number = 1),
    max(referrer) filter (where session_page_number = 1),
    max(utm_source) filter (where session_page_number = 1),
    max(utm_medium) filter (where session_page_number = 1),
    max(utm_campaign) filter (where session_page_number = 1),
    max(device) filter (where session_page_number = 1)
from page_views
where person_id in (select person_id from touched)
group by 1, 2, 3;

delete from persons
using touched
where persons.person_id = touched.person_id;

insert into persons
with ids as (
    select person_id, id, is_user from person_ids
    union
    select views.person_id, views.person_id, views.user_id is not null
    from page_views as views
    left join person_ids on views.person_id = person_ids.id
    where person_ids.id is null and views.person_id in (select person_id from touched)
),

counted as (
    select
        person_id,
        count(*) filter (where is_user) as user_id_count,
        count(*) filter (where not is_user) as anonymous_id_count
    from ids
    where person_id in (select person_id from touched)
    group by 1
),

seen as (
    select
        person_id,
        count(*) as session_count,
        sum(page_view_count) as page_view_count,
        min(started_at) as first_viewed_at,
        max(ended_at) as last_viewed_at
    from sessions
    where person_id in (select person_id from touched)
    group by 1
)

select
    counted.person_id,
    counted.user_id_count > 0,
    counted.user_id_count,
    counted.anonymous_id_count,
    coalesce(seen.session_count, 0),
    coalesce(seen.page_view_count, 0),
    seen.first_viewed_at,
    seen.last_viewed_at
from counted
left join seen on counted.person_id = seen.person_id;
