{{ config(
    incremental_strategy='delete+insert',
    unique_key='candidacy_id'
) }}

with

-- A candidate's sign-up or a position's opening may land after the candidacy's own events.
touched as (

    {{ touched_keys('candidacy_id', ['int_candidacy_openings']) }}
    {% for key, name in {
        'candidate_id': 'stg_candidate_app__candidate_signed_up',
        'position_id': 'stg_employer_app__position_opened'
    }.items() %}
    union
    select openings.candidacy_id
    from {{ ref('int_candidacy_openings') }} as openings
    where openings.{{ key }} in ({{ touched_keys(key, [name]) }})
    {% endfor %}

),

ranked_openings as (

    select
        openings.*,
        row_number() over (
            partition by openings.candidacy_id
            order by openings.occurred_at, openings.origin_rank, openings.event_id
        ) as place,
        -- Requests rank first: their salary applies, whatever opened the candidacy.
        {% for column in ['base_salary', 'currency'] %}
        first_value(openings.{{ column }}) over (
            partition by openings.candidacy_id
            order by openings.origin_rank, openings.occurred_at, openings.event_id
            rows unbounded preceding
        ) as first_{{ column }},
        {% endfor %}
        max(openings.batch_id) over (partition by openings.candidacy_id) as last_batch_id
    from {{ ref('int_candidacy_openings') }} as openings
    where {{ is_touched('candidacy_id', 'openings') }}

),

sign_ups as (

    {{ first_event(
        'stg_candidate_app__candidate_signed_up', 'candidate_id',
        'candidate_id in (select ranked_openings.candidate_id from ranked_openings)'
    ) }}

),

positions as (

    {{ first_event(
        'stg_employer_app__position_opened', 'position_id',
        'position_id in (select ranked_openings.position_id from ranked_openings)'
    ) }}

),

attributes as (

    select
        openings.candidacy_id,
        openings.origin,
        openings.candidate_id,
        openings.employer_id,
        openings.position_id,
        positions.role,
        positions.location,
        sign_ups.channel,
        openings.first_base_salary as base_salary,
        openings.first_currency as currency,
        greatest(
            openings.last_batch_id,
            coalesce(sign_ups.last_batch_id, 0),
            coalesce(positions.last_batch_id, 0)
        ) as batch_id
    from ranked_openings as openings
    left join sign_ups on openings.candidate_id = sign_ups.candidate_id
    left join positions on openings.position_id = positions.position_id
    where openings.place = 1

)

select * from attributes
