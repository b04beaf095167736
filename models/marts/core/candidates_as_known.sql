with

states as (

    select
        candidate_id,
        known_from,
        known_to,
        signed_up_at,
        role,
        location,
        years_experience,
        remote_preference,
        min_base_salary,
        currency,
        review_decision,
        availability,
        is_searchable
    from {{ ref('int_candidate_states') }}

)

select * from states
