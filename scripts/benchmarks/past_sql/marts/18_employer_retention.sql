-- Employers who ask and who hire, by week of sign-up and weeks since
select signed_up_week, weeks_since, employer_count, requested_count, hired_count
from growth.employer_retention_cohorts
order by 1, 2
