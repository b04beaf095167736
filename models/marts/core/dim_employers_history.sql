with

versions as (

    select
        employer_id,
        valid_from,
        valid_to,
        known_from,
        valid_to is null as is_current,
        company_name,
        industry,
        employee_range
    from {{ ref('int_employer_versions') }}

)

select * from versions
