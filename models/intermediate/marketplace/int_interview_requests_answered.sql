{{ config(
    incremental_strategy='delete+insert',
    unique_key='candidacy_id',
    dist='candidacy_id',
    sort='candidacy_id'
) }}

with

requests as {{ inlined() }} (

    select * from {{ ref('stg_employer_app__interview_requested') }}

),

answers as {{ inlined() }} (

    select * from {{ ref('stg_employer_app__interview_request_answered') }}

),

touched as (

    select candidacy_id from requests where {{ is_new() }}
    union
    select candidacy_id from answers where {{ is_new() }}

),

ranked_requests as (

    select
        requests.*,
        row_number() over (
            partition by requests.candidacy_id order by requests.occurred_at, requests.event_id
        ) as place,
        max(requests.batch_id) over (partition by requests.candidacy_id) as last_batch_id
    from requests
    inner join touched on requests.candidacy_id = touched.candidacy_id

),

ranked_answers as (

    select
        answers.*,
        row_number() over (
            partition by answers.candidacy_id order by answers.occurred_at, answers.event_id
        ) as place,
        max(answers.batch_id) over (partition by answers.candidacy_id) as last_batch_id
    from answers
    inner join touched on answers.candidacy_id = touched.candidacy_id

),

-- The first request and the first answer count.
answered as (

    select
        ranked_requests.candidacy_id,
        ranked_requests.candidate_id,
        ranked_requests.employer_id,
        ranked_requests.position_id,
        ranked_requests.occurred_at as requested_at,
        ranked_requests.base_salary,
        ranked_requests.currency,
        ranked_requests.equity_offered,
        ranked_answers.answer,
        ranked_answers.decline_reason,
        ranked_answers.occurred_at as answered_at,
        greatest(ranked_requests.last_batch_id, coalesce(ranked_answers.last_batch_id, 0))
            as batch_id
    from ranked_requests
    left join ranked_answers
        on
            ranked_requests.candidacy_id = ranked_answers.candidacy_id
            and ranked_answers.place = 1
    where ranked_requests.place = 1

)

select * from answered
