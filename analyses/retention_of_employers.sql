-- Do employers come back in the weeks after their sign-up?
select
    weeks_since,
    sum(employer_count) as employers,
    {{ ratio('sum(active_count)', 'sum(employer_count)') }} as active_ratio,
    {{ ratio('sum(requested_count)', 'sum(employer_count)') }} as requesting_ratio
from {{ ref('employer_retention_cohorts') }}
where weeks_since <= 8
group by weeks_since
order by weeks_since
