{{ config(
    incremental_strategy='delete+insert',
    unique_key='search_id'
) }}

with

touched as (

    {{ touched_keys('search_id', ['stg_employer_app__candidate_search_performed']) }}

),

-- A search is performed once: the first event counts.
performed as (

    {{ first_event(
        'stg_employer_app__candidate_search_performed', 'search_id', is_touched('search_id')
    ) }}

),

searches as (

    select
        search_id,
        employer_id,
        occurred_at as searched_at,
        role,
        location,
        min_years_experience,
        result_count,
        last_batch_id as batch_id
    from performed

)

select * from searches
