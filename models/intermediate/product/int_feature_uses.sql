{{ config(
    incremental_strategy='append',
    dist='account_id'
) }}

-- What counts as a use of a feature, and the account that uses it.
{% set features = [
    ('candidate_profile', 'candidate', 'stg_candidate_app__candidate_profile_submitted'),
    ('availability', 'candidate', 'stg_candidate_app__candidate_availability_changed'),
    ('application', 'candidate', 'stg_candidate_app__application_submitted'),
    ('request_answer', 'candidate', 'stg_employer_app__interview_request_answered'),
    ('employer_profile', 'employer', 'stg_employer_app__employer_profile_updated'),
    ('position', 'employer', 'stg_employer_app__position_opened'),
    ('search', 'employer', 'stg_employer_app__candidate_search_performed'),
    ('profile_view', 'employer', 'stg_employer_app__candidate_profile_viewed'),
    ('interview_request', 'employer', 'stg_employer_app__interview_requested'),
] %}

with

uses as (

    {% for feature, kind, model in features %}
    select
        event_id,
        cast('{{ feature }}' as varchar(20)) as feature,
        cast('{{ kind }}' as varchar(10)) as account_kind,
        {{ kind }}_id as account_id,
        occurred_at as used_at,
        batch_id
    from {{ ref(model) }}
    where {{ is_new() }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select * from uses
