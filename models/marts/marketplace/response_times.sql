{{ config(materialized='table') }}

with

requests as (

    select
        cast(date_trunc('week', requests.requested_at) as date) as requested_week,
        coalesce(attributes.role, 'unknown') as role,
        requests.answer,
        {{ seconds_between('requests.requested_at', 'requests.answered_at') }} as seconds_to_answer
    from {{ ref('int_interview_requests') }} as requests
    left join {{ ref('int_candidacy_attributes') }} as attributes
        on requests.candidacy_id = attributes.candidacy_id

),

-- Those without an answer come last, so the ranks of answered requests are those among the answered ones.
ranked as (

    select
        requests.*,
        row_number() over (
            partition by requests.requested_week, requests.role
            order by case when requests.answer is null then 1 else 0 end, requests.seconds_to_answer
        ) as value_rank,
        count(requests.answer) over (
            partition by requests.requested_week, requests.role
        ) as value_count
    from requests

),

timed as (

    select
        requested_week,
        role,
        count(*) as request_count,
        count(answer) as answer_count,
        count(case when answer = 'accepted' then 1 end) as acceptance_count,
        {{ percentile('seconds_to_answer', 50) }} as median_seconds_to_answer,
        {{ percentile('seconds_to_answer', 90) }} as p90_seconds_to_answer
    from ranked
    group by 1, 2

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

)

select * from final
