{{ config(
    incremental_strategy='append',
    dist='candidate_id',
    sort='batch_id'
) }}

-- Each kind of change: its rank among changes of one moment, and the columns it speaks of.
{% set changes = [
    ('signed_up', 1, 'stg_candidate_app__candidate_signed_up', ['channel', 'country_code']),
    ('profile_submitted', 2, 'stg_candidate_app__candidate_profile_submitted',
     ['role', 'years_experience', 'location', 'remote_preference', 'min_base_salary', 'currency']),
    ('review_decided', 3, 'stg_candidate_app__candidate_review_decided', ['decision']),
    ('availability_changed', 4, 'stg_candidate_app__candidate_availability_changed',
     ['availability', 'available_from']),
] %}

with

{% for change, rank, model, known in changes %}
{{ change }} as (

    select
        candidate_id,
        event_id,
        occurred_at,
        received_at,
        batch_id,
        cast('{{ change }}' as varchar(24)) as change,
        {{ rank }} as change_rank,
        cast({{ 'channel' if 'channel' in known else 'null' }} as varchar(40)) as channel,
        cast({{ 'country_code' if 'country_code' in known else 'null' }} as varchar(2))
            as country_code,
        cast({{ 'role' if 'role' in known else 'null' }} as varchar(40)) as role,
        cast({{ 'years_experience' if 'years_experience' in known else 'null' }} as integer)
            as years_experience,
        cast({{ 'location' if 'location' in known else 'null' }} as varchar(80)) as location,
        cast({{ 'remote_preference' if 'remote_preference' in known else 'null' }} as varchar(10))
            as remote_preference,
        cast({{ 'min_base_salary' if 'min_base_salary' in known else 'null' }} as integer)
            as min_base_salary,
        cast({{ 'currency' if 'currency' in known else 'null' }} as varchar(3)) as currency,
        cast({{ 'decision' if 'decision' in known else 'null' }} as varchar(20))
            as review_decision,
        cast({{ 'availability' if 'availability' in known else 'null' }} as varchar(20))
            as availability,
        cast({{ 'available_from' if 'available_from' in known else 'null' }} as date)
            as available_from
    from {{ ref(model) }}
    where {{ is_new() }}

),

{% endfor %}
united as (

    {% for change in changes %}
    select * from {{ change[0] }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select * from united
