with

employers as (

    select
        employer_id,
        company_name,
        industry,
        employee_range,
        channel,
        country_code,
        signed_up_at
    from {{ ref('int_employers') }}

)

select * from employers
