{{ config(
    incremental_strategy='delete+insert',
    unique_key='subscription_id'
) }}

with

touched as (

    {{ touched_keys('subscription_id', ['stg_billing__subscription_changed']) }}

),

ranked as (

    select
        changes.*,
        row_number() over (
            partition by changes.subscription_id, changes.occurred_at
            order by changes.event_id desc
        ) as place_from_last_of_moment,
        max(changes.batch_id) over (partition by changes.subscription_id) as last_batch_id
    from {{ ref('stg_billing__subscription_changed') }} as changes
    where {{ is_touched('subscription_id', 'changes') }}

),

versions as (

    select
        subscription_id,
        occurred_at as valid_from,
        lead(occurred_at) over (partition by subscription_id order by occurred_at) as valid_to,
        employer_id,
        change,
        plan,
        monthly_amount,
        currency,
        received_at,
        last_batch_id as batch_id
    from ranked
    -- Of several changes at the same moment the last one by event_id applies.
    where place_from_last_of_moment = 1

)

select * from versions
