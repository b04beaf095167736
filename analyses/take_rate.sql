-- What share of the salaries of hires do we earn?
select
    accepted_month,
    sum(hire_count) as hires,
    sum(gmv_reporting) as gmv,
    sum(net_fees_reporting) as net_fees,
    {{ ratio('sum(net_fees_reporting)', 'sum(gmv_reporting)') }} as take_rate
from {{ ref('gmv_monthly') }}
group by accepted_month
order by accepted_month
