with

states as (

    select
        position_id,
        known_from,
        known_to,
        opened_at,
        employer_id,
        role,
        title,
        location,
        remote_policy,
        min_salary,
        max_salary,
        currency,
        is_closed
    from {{ ref('int_position_states') }}

)

select * from states
