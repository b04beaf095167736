-- Do candidates accept requests that state less than they desire?
select
    percent_band,
    sum(request_count) as requests,
    sum(accepted_count) as accepted,
    {{ ratio('sum(accepted_count)', 'sum(request_count)') }} as accepted_ratio,
    sum(declined_for_salary_count) as declined_for_salary
from {{ ref('match_salary_gap') }}
group by percent_band
order by percent_band
