-- What do placements bring, less refunds?
select
    booked_month,
    sum(invoice_count) as invoices,
    sum(refund_count) as refunds,
    sum(invoiced_reporting) as invoiced,
    sum(refunded_reporting) as refunded,
    sum(net_reporting) as net
from {{ ref('placement_revenue_monthly') }}
group by booked_month
order by booked_month
