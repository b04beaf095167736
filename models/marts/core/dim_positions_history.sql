with

versions as (

    select
        position_id,
        valid_from,
        valid_to,
        known_from,
        valid_to is null as is_current,
        employer_id,
        role,
        title,
        location,
        remote_policy,
        min_salary,
        max_salary,
        currency,
        status
    from {{ ref('int_position_versions') }}

)

select * from versions
