{{ config(
    incremental_strategy='append',
    dist='candidacy_id'
) }}

-- For each activity: the event that shows it, its condition, and the columns that tell whose it is.
{% set activities = [
    ('request', 'stg_employer_app__interview_requested', none, ['candidacy_id', 'candidate_id',
     'employer_id', 'position_id', 'base_salary', 'currency']),
    ('acceptance', 'stg_employer_app__interview_request_answered', "answer = 'accepted'",
     ['candidacy_id']),
    ('decline', 'stg_employer_app__interview_request_answered', "answer = 'declined'",
     ['candidacy_id']),
    ('application', 'stg_candidate_app__application_submitted', none, ['candidacy_id',
     'candidate_id', 'employer_id', 'position_id']),
    ('offer', 'stg_hiring__offer_extended', none, ['candidacy_id', 'offer_id', 'base_salary',
     'currency']),
    ('hire', 'stg_hiring__offer_answered', "answer = 'accepted'", ['candidacy_id', 'offer_id']),
    ('offer_decline', 'stg_hiring__offer_answered', "answer = 'declined'",
     ['candidacy_id', 'offer_id']),
    ('profile_view', 'stg_employer_app__candidate_profile_viewed', none,
     ['candidate_id', 'employer_id']),
    ('search', 'stg_employer_app__candidate_search_performed', none, ['employer_id']),
    ('page_view', 'stg_web__page_viewed', none, ['visitor_id']),
    ('link', 'stg_web__identity_linked', none, ['visitor_id', 'person_id']),
] %}
{% set visitor = {
    'page_view': 'coalesce(user_id, anonymous_id)', 'link': 'previous_id'
} %}

with

events as (

    {% for activity, model, condition, own in activities %}
    select
        cast('{{ activity }}' as varchar(24)) as activity,
        event_id,
        occurred_at,
        coalesce(replayed_at, received_at) as known_at,
        {% for column, type in {
            'candidacy_id': 'varchar(64)',
            'offer_id': 'varchar(64)',
            'candidate_id': 'varchar(64)',
            'employer_id': 'varchar(64)',
            'position_id': 'varchar(64)',
            'visitor_id': 'varchar(128)',
            'person_id': 'varchar(64)',
            'base_salary': 'integer',
            'currency': 'varchar(3)',
        }.items() %}
        {% set value = visitor[activity] if column == 'visitor_id' and column in own else column %}
        cast({{ value if column in own else 'null' }} as {{ type }}) as {{ column }},
        {% endfor %}
        batch_id
    from {{ ref(model) }}
    where {{ is_new() }}{{ ' and ' ~ condition if condition }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select * from events
