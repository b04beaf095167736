with

versions as (

    select * from {{ ref('int_employer_versions') }}

),

last_versions as (

    select
        employer_id,
        company_name,
        industry,
        employee_range,
        channel,
        country_code,
        signed_up_at
    from versions
    where valid_to is null

)

select * from last_versions
