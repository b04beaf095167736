with

scores as (

    select
        candidacy_id,
        model,
        model_version,
        score,
        scored_at,
        place_from_last
    from {{ ref('int_request_scores') }}
    where score is not null

)

select * from scores
