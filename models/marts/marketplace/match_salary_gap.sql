{{ config(materialized='table') }}

with

-- Salaries in two currencies are not compared: what is desired in one place says little about
-- another, and would move with the rates.
requests as (

    select
        cast(date_trunc('month', requests.requested_at) as date) as requested_month,
        coalesce(requests.role, 'unknown') as role,
        {{ band(percent_of('requests.base_salary', 'candidates.min_base_salary'), 10) }}
            as percent_band,
        requests.answer,
        requests.decline_reason
    from {{ ref('fct_interview_requests') }} as requests
    left join {{ ref('dim_candidates_history') }} as candidates
        on
            requests.candidate_id = candidates.candidate_id
            and requests.currency = candidates.currency
            and requests.requested_at >= candidates.valid_from
            and requests.requested_at
            < coalesce(candidates.valid_to, cast('9999-12-31' as timestamp))

),

counted as (

    select
        requested_month,
        role,
        case when percent_band > 200 then 200 else percent_band end as percent_band,
        count(*) as request_count,
        count(answer) as answer_count,
        count(case when answer = 'accepted' then 1 end) as accepted_count,
        count(case when answer = 'declined' and decline_reason = 'salary' then 1 end)
            as declined_for_salary_count
    from requests
    group by 1, 2, 3

),

final as (

    select
        requested_month,
        role,
        percent_band,
        request_count,
        answer_count,
        accepted_count,
        declined_for_salary_count,
        {{ ratio('accepted_count', 'request_count') }} as accepted_ratio
    from counted

)

select * from final
