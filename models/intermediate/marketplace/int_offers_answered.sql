{{ config(
    incremental_strategy='delete+insert',
    unique_key='offer_id',
    dist='offer_id',
    sort='offer_id'
) }}

with

offers as {{ inlined() }} (

    select * from {{ ref('stg_hiring__offer_extended') }}

),

answers as {{ inlined() }} (

    select * from {{ ref('stg_hiring__offer_answered') }}

),

touched as (

    select offer_id from offers where {{ is_new() }}
    union
    select offer_id from answers where {{ is_new() }}

),

ranked_offers as (

    select
        offers.*,
        row_number() over (
            partition by offers.offer_id order by offers.occurred_at, offers.event_id
        ) as place,
        max(offers.batch_id) over (partition by offers.offer_id) as last_batch_id
    from offers
    inner join touched on offers.offer_id = touched.offer_id

),

ranked_answers as (

    select
        answers.*,
        row_number() over (
            partition by answers.offer_id order by answers.occurred_at, answers.event_id
        ) as place,
        max(answers.batch_id) over (partition by answers.offer_id) as last_batch_id
    from answers
    inner join touched on answers.offer_id = touched.offer_id

),

-- An offer is extended once and answered once: the first event of either counts.
answered as (

    select
        ranked_offers.offer_id,
        ranked_offers.candidacy_id,
        ranked_offers.occurred_at as offered_at,
        ranked_offers.base_salary,
        ranked_offers.currency,
        ranked_offers.expires_on,
        ranked_answers.answer,
        ranked_answers.decline_reason,
        ranked_answers.occurred_at as answered_at,
        greatest(ranked_offers.last_batch_id, coalesce(ranked_answers.last_batch_id, 0))
            as batch_id
    from ranked_offers
    left join ranked_answers
        on ranked_offers.offer_id = ranked_answers.offer_id and ranked_answers.place = 1
    where ranked_offers.place = 1

)

select * from answered
