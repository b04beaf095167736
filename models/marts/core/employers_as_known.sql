with

states as (

    select
        employer_id,
        known_from,
        known_to,
        signed_up_at,
        industry,
        employee_range
    from {{ ref('int_employer_states') }}

)

select * from states
