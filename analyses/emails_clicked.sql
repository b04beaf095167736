-- Which emails are clicked?
select
    template,
    sum(delivered_count) as delivered,
    sum(clicked_in_7_days_count) as clicked,
    {{ ratio('sum(clicked_in_7_days_count)', 'sum(delivered_count)') }} as click_ratio
from {{ ref('email_performance_weekly') }}
group by template
order by template
