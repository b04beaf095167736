select
    cast(date_trunc('month', booked_at) as date) as booked_month,
    currency,
    sum(invoiced) as invoiced,
    sum(refunded) as refunded,
    sum(invoiced - refunded) as net
from (
    select created_at as booked_at, currency, amount as invoiced, 0 as refunded
    from invoices
    union all
    select refunds.created_at, invoices.currency, 0, refunds.amount
    from refunds
    join invoices on refunds.invoice_id = invoices.id
) as movements
group by 1, 2
order by 1, 2
