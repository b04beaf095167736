-- Net placement fees by month and currency
select
    booked_month,
    currency,
    sum(case when movement = 'invoice' then amount else 0 end) as invoiced,
    sum(case when movement = 'refund' then amount else 0 end) as refunded,
    sum(net_amount) as net
from finance.fct_placement_fees
group by 1, 2
order by 1, 2
