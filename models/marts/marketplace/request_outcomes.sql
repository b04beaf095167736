with

counted as (

    select * from {{ ref('int_request_outcomes_counted') }}

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
    where request_count > 0

)

select * from final
