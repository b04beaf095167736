{{ config(
    incremental_strategy='delete+insert',
    unique_key='candidacy_id'
) }}

with

touched as (

    {{ touched_keys('candidacy_id', [
        'stg_employer_app__interview_requested', 'stg_employer_app__interview_request_answered'
    ]) }}

),

-- The first request and the first answer count.
requests as (

    {{ first_event(
        'stg_employer_app__interview_requested', 'candidacy_id', is_touched('candidacy_id')
    ) }}

),

answers as (

    {{ first_event(
        'stg_employer_app__interview_request_answered', 'candidacy_id', is_touched('candidacy_id')
    ) }}

),

answered as (

    select
        requests.candidacy_id,
        requests.candidate_id,
        requests.employer_id,
        requests.position_id,
        requests.occurred_at as requested_at,
        requests.base_salary,
        requests.currency,
        requests.equity_offered,
        answers.answer,
        answers.decline_reason,
        answers.occurred_at as answered_at,
        greatest(requests.last_batch_id, coalesce(answers.last_batch_id, 0)) as batch_id
    from requests
    left join answers on requests.candidacy_id = answers.candidacy_id

)

select * from answered
