-- Candidates who could be found at each month end, by role
select
    months.month_end,
    candidates.role,
    count(*) as candidates,
    sum(candidates.years_experience) as years_experience
from (
    select date_day as month_end from core.dim_dates
    where day_of_month = 1 and date_day between date '2026-02-01' and date '2027-01-01'
) as months
inner join core.dim_candidates_history as candidates
    on
        candidates.valid_from < months.month_end
        and (candidates.valid_to >= months.month_end or candidates.valid_to is null)
where
    candidates.review_decision = 'accepted'
    and (candidates.availability <> 'unavailable' or candidates.availability is null)
group by 1, 2
order by 1, 2
