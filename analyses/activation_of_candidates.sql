-- How many candidates are active, asked and hired some weeks after the sign-up?
select
    weeks_since,
    sum(candidate_count) as candidates,
    {{ ratio('sum(active_count)', 'sum(candidate_count)') }} as active_ratio,
    {{ ratio('sum(requested_count)', 'sum(candidate_count)') }} as requested_ratio,
    {{ ratio('sum(hired_count)', 'sum(candidate_count)') }} as hired_ratio
from {{ ref('candidate_activation_cohorts') }}
where weeks_since <= 8
group by weeks_since
order by weeks_since
