{{ config(incremental_strategy='append', dist='candidacy_id') }}

-- The stage that an event puts a candidacy into. Not every event changes the stage: after a
-- declined request or offer the candidacy keeps its stage until it is closed.
{% set entering = [
    ('int_candidacy_openings',
     "case when origin = 'application' then 'applied' else 'requested' end", '1 = 1'),
    ('stg_employer_app__interview_request_answered', "'accepted'", "answer = 'accepted'"),
    ('stg_hiring__candidacy_stage_changed', 'stage', '1 = 1'),
    ('stg_hiring__offer_extended', "'offered'", '1 = 1'),
    ('stg_hiring__offer_answered', "'hired'", "answer = 'accepted'"),
    ('stg_hiring__candidate_started', "'started'", '1 = 1'),
    ('stg_hiring__candidacy_closed', "'closed'", '1 = 1'),
] %}

with

entries as (

    {% for model, stage, condition in entering %}
    select
        candidacy_id,
        event_id,
        occurred_at,
        cast({{ stage }} as varchar(40)) as stage,
        cast({{ 'reason' if model == 'stg_hiring__candidacy_closed' else 'null' }} as varchar(40))
            as closing_reason,
        batch_id
    from {{ ref(model) }}
    where {{ condition }} and {{ is_new() }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select * from entries
