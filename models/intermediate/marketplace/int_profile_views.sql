{{ config(
    incremental_strategy='append',
    dist='candidate_id'
) }}

with

views as (

    select
        event_id,
        occurred_at as viewed_at,
        employer_id,
        candidate_id,
        search_id,
        position_id,
        result_rank,
        batch_id
    from {{ ref('stg_employer_app__candidate_profile_viewed') }}
    where {{ is_new() }}

)

select * from views
