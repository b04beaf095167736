-- How many candidates are hired within 90 days?
select
    searchable_month,
    sum(searchable_count) as candidates,
    sum(hired_count) as hired,
    {{ ratio('sum(hired_count)', 'sum(searchable_count)') }} as hired_ratio
from {{ ref('candidate_match_monthly') }}
group by searchable_month
order by searchable_month
