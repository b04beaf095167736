-- Candidates who could be found at each month end, by role
select searchable_month, role, candidate_count, total_years_experience
from core.searchable_candidates
order by 1, 2
