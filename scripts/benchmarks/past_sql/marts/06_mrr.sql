-- Monthly recurring revenue by month and currency
select mrr_month, currency, subscription_count, mrr
from finance.mrr_monthly
order by 1, 2
