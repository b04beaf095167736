{{ config(
    incremental_strategy='delete+insert',
    unique_key='candidacy_id',
    dist='candidacy_id',
    sort='candidacy_id'
) }}

with

openings as {{ inlined() }} (

    select * from {{ ref('int_candidacies_opened') }}

),

sign_ups as {{ inlined() }} (

    select * from {{ ref('stg_candidate_app__candidate_signed_up') }}

),

positions as {{ inlined() }} (

    select * from {{ ref('stg_employer_app__position_opened') }}

),

-- A candidate's sign-up or a position's opening may land after the candidacy's own events.
touched as (

    select candidacy_id from openings where {{ is_new() }}
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
            partition by openings.candidacy_id
            -- At one moment a request comes before an application, as among the stages.
            order by openings.occurred_at asc, openings.origin desc, openings.event_id asc
        ) as place,
        max(openings.batch_id) over (partition by openings.candidacy_id) as last_batch_id
    from openings
    inner join touched on openings.candidacy_id = touched.candidacy_id

),

ranked_sign_ups as (

    select
        candidate_id,
        channel,
        row_number() over (partition by candidate_id order by occurred_at, event_id) as place,
        max(batch_id) over (partition by candidate_id) as last_batch_id
    from sign_ups
    where candidate_id in (select ranked_openings.candidate_id from ranked_openings)

),

ranked_positions as (

    select
        position_id,
        role,
        location,
        row_number() over (partition by position_id order by occurred_at, event_id) as place,
        max(batch_id) over (partition by position_id) as last_batch_id
    from positions
    where position_id in (select ranked_openings.position_id from ranked_openings)

),

described as (

    select
        ranked_openings.candidacy_id,
        ranked_openings.origin,
        ranked_openings.candidate_id,
        ranked_openings.employer_id,
        ranked_openings.position_id,
        ranked_positions.role,
        ranked_positions.location,
        ranked_sign_ups.channel,
        ranked_openings.base_salary,
        ranked_openings.currency,
        greatest(
            ranked_openings.last_batch_id,
            coalesce(ranked_sign_ups.last_batch_id, 0),
            coalesce(ranked_positions.last_batch_id, 0)
        ) as batch_id
    from ranked_openings
    left join ranked_sign_ups
        on ranked_openings.candidate_id = ranked_sign_ups.candidate_id and ranked_sign_ups.place = 1
    left join ranked_positions
        on ranked_openings.position_id = ranked_positions.position_id and ranked_positions.place = 1
    where ranked_openings.place = 1

)

select * from described
