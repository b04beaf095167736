with

timed as (

    select * from {{ ref('int_interview_requests_timed') }}

),

final as (

    select
        requested_week,
        role,
        request_count,
        answer_count,
        acceptance_count,
        {{ ratio('acceptance_count', 'request_count') }} as acceptance_ratio,
        median_seconds_to_answer,
        p90_seconds_to_answer
    from timed
    where request_count > 0

)

select * from final
