{{ config(
    incremental_strategy='delete+insert',
    unique_key='offer_id'
) }}

with

touched as (

    {{ touched_keys('offer_id', ['stg_hiring__offer_extended', 'stg_hiring__offer_answered']) }}

),

-- An offer is extended once and answered once: the first event of either counts.
offers as (

    {{ first_event('stg_hiring__offer_extended', 'offer_id', is_touched('offer_id')) }}

),

answers as (

    {{ first_event('stg_hiring__offer_answered', 'offer_id', is_touched('offer_id')) }}

),

answered as (

    select
        offers.offer_id,
        offers.candidacy_id,
        offers.occurred_at as offered_at,
        offers.base_salary,
        offers.currency,
        offers.expires_on,
        answers.answer,
        answers.decline_reason,
        answers.occurred_at as answered_at,
        greatest(offers.last_batch_id, coalesce(answers.last_batch_id, 0)) as batch_id
    from offers
    left join answers on offers.offer_id = answers.offer_id

)

select * from answered
