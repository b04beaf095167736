{{ config(materialized='table') }}

with

-- Bands are in the currency offered: in the reporting currency they would move with its rates.
counted as (

    select
        cast(date_trunc('month', opened_at) as date) as requested_month,
        coalesce(role, 'unknown') as role,
        currency,
        {{ band('base_salary', 20000) }} as salary_band,
        count(*) as request_count,
        count(accepted_at) as accepted_count,
        count(offered_at) as offered_count,
        count(hired_at) as hired_count
    from {{ ref('int_candidacies') }}
    where origin = 'interview_request'
    group by 1, 2, 3, 4

),

final as (

    select
        requested_month,
        role,
        currency,
        salary_band,
        request_count,
        accepted_count,
        offered_count,
        hired_count,
        {{ ratio('accepted_count', 'request_count') }} as accepted_ratio,
        {{ ratio('hired_count', 'request_count') }} as hired_ratio
    from counted

)

select * from final
