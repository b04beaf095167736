with

versions as (

    select * from {{ ref('int_candidate_versions') }}

),

last_versions as (

    select
        candidate_id,
        signed_up_at,
        cast(signed_up_at as date) as signed_up_on,
        channel,
        country_code,
        role,
        years_experience,
        location,
        remote_preference,
        min_base_salary,
        currency,
        review_decision,
        availability,
        available_from,
        is_searchable,
        valid_from as changed_at
    from versions
    where valid_to is null

)

select * from last_versions
