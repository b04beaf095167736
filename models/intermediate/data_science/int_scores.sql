{{ config(
    incremental_strategy='append',
    dist='candidate_id'
) }}

with

scores as (

    select
        event_id as score_id,
        candidate_id,
        position_id,
        model,
        model_version,
        score,
        scored_at,
        features_as_of,
        coalesce(replayed_at, received_at) as known_at,
        batch_id
    from {{ ref('stg_data_science__candidate_scored') }}
    where {{ is_new() }}

)

select * from scores
