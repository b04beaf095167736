-- Requests and hires of employers by month, industry and size
select opened_month, industry, employee_range, employer_count, request_count, hired_count
from marketplace.employer_segments
order by 1, 2, 3
