{{ config(
    incremental_strategy='delete+insert',
    unique_key='offered_on',
    dist='offered_on',
    sort='offered_on'
) }}

with

offers as {{ inlined() }} (

    select
        offers.*,
        cast(offers.offered_at as date) as offered_on
    from {{ ref('int_offers_answered') }} as offers

),

described as {{ inlined() }} (

    select * from {{ ref('int_candidacies_described') }}

),

-- Every day that a changed offer may have been counted in until now is one on which it was told;
-- a role may also come to be known later. A day that is left empty keeps a row of zeros.
touched as (

    select cast(told.occurred_at as date) as offered_on
    from {{ ref('stg_hiring__offer_extended') }} as told
    inner join offers on told.offer_id = offers.offer_id
    where {{ is_new('offers') }}
    union
    select offers.offered_on
    from offers
    inner join described on offers.candidacy_id = described.candidacy_id
    where {{ is_new('described') }}

),

-- By day and currency, since the rate of a day is looked up when the months are made of it.
counted as (

    select
        touched.offered_on,
        coalesce(described.role, 'unknown') as role,
        offers.currency,
        count(offers.offer_id) as offer_count,
        count(case when offers.answer = 'accepted' then 1 end) as accepted_count,
        count(case when offers.answer = 'declined' then 1 end) as declined_count,
        cast(sum(case when offers.answer = 'accepted' then offers.base_salary end) as bigint)
            as accepted_salary,
        greatest(
            coalesce(max(offers.batch_id), 0), coalesce(max(described.batch_id), 0)
        ) as batch_id
    from touched
    left join offers on touched.offered_on = offers.offered_on
    left join described on offers.candidacy_id = described.candidacy_id
    group by 1, 2, 3

)

select * from counted
