{{ config(materialized='table') }}

with

requests as (

    select
        requested_week,
        coalesce(role, 'unknown') as role,
        answer,
        seconds_to_answer
    from {{ ref('fct_interview_requests') }}

),

counted as (

    select
        requested_week,
        role,
        count(*) as request_count,
        count(answer) as answer_count,
        count(case when answer = 'accepted' then 1 end) as acceptance_count
    from requests
    group by 1, 2

),

ranked as (

    select
        requests.*,
        row_number() over (
            partition by requests.requested_week, requests.role order by requests.seconds_to_answer
        ) as value_rank,
        count(*) over (partition by requests.requested_week, requests.role) as value_count
    from requests
    where requests.answer is not null

),

percentiles as (

    select
        requested_week,
        role,
        {{ percentile('seconds_to_answer', 50) }} as median_seconds_to_answer,
        {{ percentile('seconds_to_answer', 90) }} as p90_seconds_to_answer
    from ranked
    group by 1, 2

),

final as (

    select
        counted.requested_week,
        counted.role,
        counted.request_count,
        counted.answer_count,
        counted.acceptance_count,
        {{ ratio('counted.acceptance_count', 'counted.request_count') }} as acceptance_ratio,
        percentiles.median_seconds_to_answer,
        percentiles.p90_seconds_to_answer
    from counted
    left join percentiles
        on
            counted.requested_week = percentiles.requested_week
            and counted.role = percentiles.role

)

select * from final
