-- Which channel's visitors sign up, are approved, and get hired?
select
    channel,
    sum(visitor_count) as visitors,
    sum(signed_up_count) as signed_up,
    sum(approved_count) as approved,
    sum(hired_count) as hired,
    {{ ratio('sum(hired_count)', 'sum(signed_up_count)') }} as hired_ratio
from {{ ref('channel_performance_weekly') }}
group by channel
order by hired desc, channel asc
