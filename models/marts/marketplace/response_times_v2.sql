with

final as (

    select
        requested_week,
        role,
        request_count,
        answer_count,
        accepted_count,
        {{ ratio('accepted_count', 'request_count') }} as accepted_ratio,
        median_seconds_to_answer,
        p90_seconds_to_answer
    from {{ ref('int_response_weeks') }}
    where request_count > 0

)

select * from final
