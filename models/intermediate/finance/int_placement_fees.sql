{{ config(
    incremental_strategy='append',
    dist='invoice_id'
) }}

with

invoices as (

    select
        event_id,
        cast('invoice' as varchar(10)) as movement,
        invoice_id,
        cast(null as varchar(64)) as refund_id,
        amount,
        currency,
        cast(null as varchar(40)) as refund_reason,
        occurred_at as booked_at,
        batch_id
    from {{ ref('stg_billing__placement_invoiced') }}
    where {{ is_new() }}

),

refunds as (

    select
        event_id,
        cast('refund' as varchar(10)) as movement,
        invoice_id,
        refund_id,
        amount,
        currency,
        reason as refund_reason,
        occurred_at as booked_at,
        batch_id
    from {{ ref('stg_billing__placement_refunded') }}
    where {{ is_new() }}

),

united as (

    select * from invoices
    union all
    select * from refunds

)

select * from united
