with

fees as (

    select
        event_id as placement_fee_id,
        movement,
        invoice_id,
        refund_id,
        refund_reason,
        booked_at,
        cast(date_trunc('month', booked_at) as date) as booked_month,
        amount,
        cast(case when movement = 'refund' then -amount else amount end as numeric(12, 2))
            as net_amount,
        currency
    from {{ ref('int_placement_fees') }}

)

select * from fees
