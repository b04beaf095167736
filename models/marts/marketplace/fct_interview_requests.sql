with

requests as (

    select * from {{ ref('int_interview_requests') }}

),

candidacies as (

    select * from {{ ref('int_candidacies') }}

),

rates as (

    select * from {{ ref('currency_rates') }}

),

final as (

    select
        requests.candidacy_id,
        requests.candidate_id,
        requests.employer_id,
        requests.position_id,
        candidacies.role,
        candidacies.location,
        candidacies.channel,
        requests.requested_at,
        cast(date_trunc('week', requests.requested_at) as date) as requested_week,
        requests.base_salary,
        requests.currency,
        {{ in_reporting_currency('requests.base_salary') }} as base_salary_reporting,
        requests.equity_offered,
        requests.answer,
        requests.decline_reason,
        requests.answered_at,
        {{ seconds_between('requests.requested_at', 'requests.answered_at') }}
            as seconds_to_answer,
        scores.score as last_score,
        scores.model as last_score_model,
        scores.model_version as last_score_model_version,
        scores.scored_at as last_scored_at
    from requests
    left join {{ ref('int_request_scores') }} as scores
        on requests.candidacy_id = scores.candidacy_id and scores.place_from_last = 1
    left join candidacies on requests.candidacy_id = candidacies.candidacy_id
    left join rates
        on {{ rate_of('rates', 'requests.currency', 'cast(requests.requested_at as date)') }}

)

select * from final
