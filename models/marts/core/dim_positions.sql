with

versions as (

    select * from {{ ref('int_position_versions') }}

),

last_versions as (

    select
        position_id,
        employer_id,
        role,
        title,
        location,
        remote_policy,
        min_salary,
        max_salary,
        currency,
        status,
        closing_reason,
        opened_at,
        case when status = 'closed' then valid_from end as closed_at,
        valid_from as changed_at
    from versions
    where valid_to is null

)

select * from last_versions
