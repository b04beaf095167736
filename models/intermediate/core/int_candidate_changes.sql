{{ config(
    incremental_strategy='append',
    dist='candidate_id'
) }}

-- For each kind of change: its rank among changes of the same moment, and the columns it carries.
{% set changes = [
    ('signed_up', 1, 'stg_candidate_app__candidate_signed_up', ['channel', 'country_code']),
    ('profile_submitted', 2, 'stg_candidate_app__candidate_profile_submitted',
     ['role', 'years_experience', 'location', 'remote_preference', 'min_base_salary', 'currency']),
    ('review_decided', 3, 'stg_candidate_app__candidate_review_decided', ['decision']),
    ('availability_changed', 4, 'stg_candidate_app__candidate_availability_changed',
     ['availability', 'available_from']),
] %}

with

united as (

    {% for change, rank, model, known in changes %}
    select
        candidate_id,
        event_id,
        occurred_at,
        received_at,
        coalesce(replayed_at, received_at) as known_at,
        cast('{{ change }}' as varchar(24)) as change,
        {{ rank }} as change_rank,
        {% for column, type in {
            'channel': 'varchar(40)',
            'country_code': 'varchar(2)',
            'role': 'varchar(40)',
            'years_experience': 'integer',
            'location': 'varchar(80)',
            'remote_preference': 'varchar(10)',
            'min_base_salary': 'integer',
            'currency': 'varchar(3)',
            'decision': 'varchar(20)',
            'availability': 'varchar(20)',
            'available_from': 'date',
        }.items() %}
        cast({{ column if column in known else 'null' }} as {{ type }}) as {{ column }},
        {% endfor %}
        batch_id
    from {{ ref(model) }}
    where {{ is_new() }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

renamed as (

    select
        candidate_id,
        event_id,
        occurred_at,
        received_at,
        known_at,
        batch_id,
        change,
        change_rank,
        channel,
        country_code,
        role,
        years_experience,
        location,
        remote_preference,
        min_base_salary,
        currency,
        decision as review_decision,
        availability,
        available_from
    from united

)

select * from renamed
