with

versions as (

    select
        candidate_id,
        valid_from,
        valid_to,
        known_from,
        valid_to is null as is_current,
        role,
        years_experience,
        location,
        remote_preference,
        min_base_salary,
        currency,
        review_decision,
        availability,
        available_from,
        is_searchable
    from {{ ref('int_candidate_versions') }}

)

select * from versions
