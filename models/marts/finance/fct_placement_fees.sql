with

movements as (

    select
        movements.*,
        case when movements.movement = 'refund' then -1 else 1 end as sign
    from {{ ref('int_placement_fees') }} as movements

),

fees as (

    select
        movements.event_id as placement_fee_id,
        movements.movement,
        movements.invoice_id,
        movements.refund_id,
        movements.refund_reason,
        invoices.candidacy_id,
        invoices.employer_id,
        movements.booked_at,
        cast(date_trunc('month', movements.booked_at) as date) as booked_month,
        movements.amount,
        cast(movements.sign * movements.amount as numeric(12, 2)) as net_amount,
        movements.currency,
        {{ in_reporting_currency('movements.amount', type='numeric(14, 2)') }} as amount_reporting,
        {{ in_reporting_currency('movements.sign * movements.amount', type='numeric(14, 2)') }}
            as net_amount_reporting
    from movements
    left join {{ ref('int_invoices') }} as invoices
        on movements.invoice_id = invoices.invoice_id
    left join {{ ref('currency_rates') }} as rates
        on {{ rate_of('rates', 'movements.currency', 'cast(movements.booked_at as date)') }}

)

select * from fees
