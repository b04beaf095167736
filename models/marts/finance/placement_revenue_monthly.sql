{{ config(materialized='table') }}

with

monthly as (

    select
        booked_month,
        currency,
        count(case when movement = 'invoice' then 1 end) as invoice_count,
        count(case when movement = 'refund' then 1 end) as refund_count,
        sum(case when movement = 'invoice' then amount else 0 end) as invoiced,
        sum(case when movement = 'refund' then amount else 0 end) as refunded,
        sum(case when movement = 'invoice' then amount_reporting else 0 end) as invoiced_reporting,
        sum(case when movement = 'refund' then amount_reporting else 0 end) as refunded_reporting
    from {{ ref('fct_placement_fees') }}
    group by 1, 2

),

final as (

    select
        booked_month,
        currency,
        invoice_count,
        refund_count,
        cast(invoiced as numeric(18, 2)) as invoiced,
        cast(refunded as numeric(18, 2)) as refunded,
        cast(invoiced - refunded as numeric(18, 2)) as net,
        cast(invoiced_reporting as numeric(18, 2)) as invoiced_reporting,
        cast(refunded_reporting as numeric(18, 2)) as refunded_reporting,
        cast(invoiced_reporting - refunded_reporting as numeric(18, 2)) as net_reporting
    from monthly

)

select * from final
