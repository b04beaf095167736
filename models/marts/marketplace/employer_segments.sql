{{ config(materialized='table') }}

with

-- Aggregated by employer first, so that only few rows are joined and counted.
counted as (

    select
        cast(date_trunc('month', opened_at) as date) as opened_month,
        employer_id,
        count(requested_at) as request_count,
        count(applied_at) as application_count,
        count(hired_at) as hired_count
    from {{ ref('int_candidacies') }}
    group by 1, 2

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
    left join {{ ref('dim_employers') }} as employers
        on counted.employer_id = employers.employer_id
    group by 1, 2, 3

)

select * from segments
