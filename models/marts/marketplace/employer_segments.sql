-- A table, so that employers are put together once a build and not at each question.
{{ config(materialized='table') }}

with

counted as (

    select * from {{ ref('int_employers_counted') }}
    where employer_id is not null

),

employers as (

    select * from {{ ref('dim_employers') }}

),

segments as (

    select
        counted.opened_month,
        coalesce(employers.industry, 'unknown') as industry,
        coalesce(employers.employee_range, 'unknown') as employee_range,
        count(*) as employer_count,
        cast(sum(counted.request_count) as bigint) as request_count,
        cast(sum(counted.application_count) as bigint) as application_count,
        cast(sum(counted.hired_count) as bigint) as hired_count
    from counted
    left join employers on counted.employer_id = employers.employer_id
    group by 1, 2, 3

)

select * from segments
