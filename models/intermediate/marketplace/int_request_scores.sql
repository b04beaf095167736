{{ config(incremental_strategy='delete+insert', unique_key='candidacy_id') }}

with

-- A score may land after the request, and still have been known before it.
touched as (

    {{ touched_keys('candidacy_id', ['stg_employer_app__interview_requested']) }}
    union
    select requested.candidacy_id
    from {{ ref('stg_employer_app__interview_requested') }} as requested
    inner join {{ ref('stg_data_science__candidate_scored') }} as scored
        on
            requested.candidate_id = scored.candidate_id
            and requested.position_id = scored.position_id
    where {{ is_changed('scored') }}

),

requests as (

    {{ first_event(
        'stg_employer_app__interview_requested', 'candidacy_id', is_touched('candidacy_id')
    ) }}

),

scored as (

    select
        requests.candidacy_id,
        scored.model,
        scored.model_version,
        scored.score,
        scored.scored_at,
        row_number() over (
            partition by requests.candidacy_id
            order by scored.scored_at desc, scored.occurred_at desc, scored.event_id desc
        ) as place_from_last,
        row_number() over (
            partition by requests.candidacy_id, scored.model, scored.model_version
            order by scored.scored_at desc, scored.occurred_at desc, scored.event_id desc
        ) as place_of_model,
        max(greatest(requests.last_batch_id, coalesce(scored.batch_id, 0)))
            over (partition by requests.candidacy_id) as batch_id
    from requests
    -- A request without a score keeps its row: an earlier one may take away the score that it had.
    left join {{ ref('stg_data_science__candidate_scored') }} as scored
        on
            requests.candidate_id = scored.candidate_id
            and requests.position_id = scored.position_id
            and requests.occurred_at > coalesce(scored.replayed_at, scored.received_at)

),

last_scores as (

    select
        candidacy_id,
        model,
        model_version,
        score,
        scored_at,
        place_from_last,
        batch_id
    from scored
    where place_of_model = 1

)

select * from last_scores
