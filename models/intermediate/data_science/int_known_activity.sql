{{ config(materialized='table', indexes=[]) }}

with

-- What became known first holds: what comes later changes no earlier feature.
openings as (

    select
        events.*,
        row_number() over (
            partition by events.candidacy_id
            order by events.known_at, events.occurred_at, events.activity, events.event_id
        ) as place
    from {{ ref('int_known_events') }} as events
    where events.activity in ('request', 'application')

),

-- Nobody knows whose an answer is before the candidacy is known.
of_candidacies as (

    select
        events.activity,
        events.event_id,
        events.candidacy_id,
        events.offer_id,
        openings.candidate_id,
        openings.employer_id,
        openings.position_id,
        events.base_salary,
        events.currency,
        events.occurred_at,
        events.known_at as event_known_at,
        greatest(events.known_at, openings.known_at) as known_at
    from {{ ref('int_known_events') }} as events
    inner join openings on events.candidacy_id = openings.candidacy_id and openings.place = 1

),

-- A visitor is a person from the link on, and never before it was known.
links as (

    select
        visitor_id,
        person_id,
        min(known_at) as known_at
    from {{ ref('int_known_events') }}
    where activity = 'link' and visitor_id <> person_id
    group by 1, 2

),

of_persons as (

    select
        activity,
        event_id,
        candidacy_id,
        offer_id,
        coalesce(candidate_id, visitor_id) as candidate_id,
        coalesce(employer_id, visitor_id) as employer_id,
        position_id,
        base_salary,
        currency,
        occurred_at,
        known_at as event_known_at,
        known_at
    from {{ ref('int_known_events') }}
    where activity in ('profile_view', 'search', 'page_view')
    union all
    select
        events.activity,
        events.event_id,
        events.candidacy_id,
        events.offer_id,
        links.person_id as candidate_id,
        links.person_id as employer_id,
        events.position_id,
        events.base_salary,
        events.currency,
        events.occurred_at,
        events.known_at as event_known_at,
        greatest(events.known_at, links.known_at) as known_at
    from {{ ref('int_known_events') }} as events
    inner join links on events.visitor_id = links.visitor_id
    where events.activity = 'page_view'

),

united as (

    select * from of_candidacies
    union all
    select * from of_persons

)

select * from united
