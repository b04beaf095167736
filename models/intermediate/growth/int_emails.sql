{{ config(
    incremental_strategy='delete+insert',
    unique_key='email_id'
) }}

with

touched as (

    {{ touched_keys('email_id', ['stg_web__email_delivered', 'stg_web__email_clicked']) }}

),

-- The first delivery and the first click count.
deliveries as (

    {{ first_event('stg_web__email_delivered', 'email_id', is_touched('email_id')) }}

),

clicks as (

    {{ first_event('stg_web__email_clicked', 'email_id', is_touched('email_id')) }}

),

emails as (

    select
        deliveries.email_id,
        deliveries.template,
        deliveries.recipient_id,
        deliveries.occurred_at as delivered_at,
        clicks.occurred_at as clicked_at,
        greatest(deliveries.last_batch_id, coalesce(clicks.last_batch_id, 0)) as batch_id
    from deliveries
    left join clicks on deliveries.email_id = clicks.email_id

)

select * from emails
