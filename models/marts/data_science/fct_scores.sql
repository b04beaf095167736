with

scores as (

    select
        score_id,
        candidate_id,
        position_id,
        model,
        model_version,
        score,
        scored_at,
        cast(date_trunc('week', scored_at) as date) as scored_week,
        features_as_of,
        known_at
    from {{ ref('int_scores') }}

)

select * from scores
