{{ config(
    incremental_strategy='delete+insert',
    unique_key='candidacy_id',
    dist='candidacy_id',
    sort='candidacy_id'
) }}

with

progressed as (

    select * from {{ ref('int_candidacies_progressed') }}

),

openings as (

    select * from {{ ref('int_candidacies_opened') }}

),

sign_ups as (

    select * from {{ ref('stg_candidate_app__candidate_signed_up') }}

),

positions as (

    select * from {{ ref('stg_employer_app__position_opened') }}

),

-- A candidate's sign-up or a position's opening may land after the candidacy's own events.
touched as (

    select candidacy_id from progressed where {{ is_new() }}
    union
    select openings.candidacy_id
    from openings
    inner join sign_ups on openings.candidate_id = sign_ups.candidate_id
    where {{ is_new('sign_ups') }}
    union
    select openings.candidacy_id
    from openings
    inner join positions on openings.position_id = positions.position_id
    where {{ is_new('positions') }}

),

ranked_openings as (

    select
        openings.*,
        row_number() over (
            partition by openings.candidacy_id order by openings.occurred_at, openings.event_id
        ) as place
    from openings
    inner join touched on openings.candidacy_id = touched.candidacy_id

),

first_openings as (

    select * from ranked_openings where place = 1

),

ranked_sign_ups as (

    select
        candidate_id,
        channel,
        row_number() over (partition by candidate_id order by occurred_at, event_id) as place,
        max(batch_id) over (partition by candidate_id) as batch_id
    from sign_ups
    where candidate_id in (select first_openings.candidate_id from first_openings)

),

ranked_positions as (

    select
        position_id,
        role,
        location,
        row_number() over (partition by position_id order by occurred_at, event_id) as place,
        max(batch_id) over (partition by position_id) as batch_id
    from positions
    where position_id in (select first_openings.position_id from first_openings)

),

joined as (

    select
        progressed.candidacy_id,
        first_openings.origin,
        first_openings.candidate_id,
        first_openings.employer_id,
        first_openings.position_id,
        ranked_positions.role,
        ranked_positions.location,
        ranked_sign_ups.channel,
        first_openings.base_salary,
        first_openings.currency,
        progressed.opened_at,
        progressed.requested_at,
        progressed.applied_at,
        progressed.accepted_at,
        progressed.screened_at,
        progressed.interviewed_at,
        progressed.offered_at,
        progressed.hired_at,
        progressed.started_at,
        progressed.closed_at,
        progressed.closing_reason,
        progressed.current_stage,
        progressed.offer_count,
        progressed.closing_count,
        progressed.stage_visit_count,
        greatest(
            progressed.batch_id,
            coalesce(ranked_sign_ups.batch_id, 0),
            coalesce(ranked_positions.batch_id, 0)
        ) as batch_id
    from progressed
    inner join first_openings on progressed.candidacy_id = first_openings.candidacy_id
    left join ranked_sign_ups
        on first_openings.candidate_id = ranked_sign_ups.candidate_id and ranked_sign_ups.place = 1
    left join ranked_positions
        on first_openings.position_id = ranked_positions.position_id and ranked_positions.place = 1

)

select * from joined
