{{ config(
    incremental_strategy='append',
    dist='candidacy_id',
    sort='batch_id'
) }}

-- What an event says of a candidacy's way: the stage it enters. Not every event enters one: a
-- declined request or offer leaves the candidacy where it is, until it is closed.
with

{% set sources = [
    ('openings', 'int_candidacies_opened',
     "case when origin = 'application' then 'applied' else 'requested' end", 'null', '1 = 1'),
    ('acceptances', 'stg_employer_app__interview_request_answered',
     "'accepted'", 'null', "answer = 'accepted'"),
    ('stage_changes', 'stg_hiring__candidacy_stage_changed', 'stage', 'null', '1 = 1'),
    ('offers', 'stg_hiring__offer_extended', "'offered'", 'null', '1 = 1'),
    ('hires', 'stg_hiring__offer_answered', "'hired'", 'null', "answer = 'accepted'"),
    ('starts', 'stg_hiring__candidate_started', "'started'", 'null', '1 = 1'),
    ('closings', 'stg_hiring__candidacy_closed', "'closed'", 'reason', '1 = 1'),
] %}

{% for name, model, stage, reason, condition in sources %}
{{ name }} as (

    select
        candidacy_id,
        event_id,
        occurred_at,
        cast({{ stage }} as varchar(40)) as stage,
        cast({{ reason }} as varchar(40)) as closing_reason,
        batch_id
    from {{ ref(model) }}
    where {{ condition }} and {{ is_new() }}

),

{% endfor %}
united as (

    {% for source in sources %}
    select * from {{ source[0] }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select * from united
