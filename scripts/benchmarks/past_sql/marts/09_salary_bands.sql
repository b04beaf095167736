-- What becomes of interview requests, by role, currency and band of 20,000
select
    role,
    currency,
    salary_band,
    sum(request_count) as requested,
    sum(accepted_count) as accepted,
    sum(offered_count) as offered,
    sum(hired_count) as hired
from marketplace.request_outcomes
group by 1, 2, 3
order by 1, 2, 3
