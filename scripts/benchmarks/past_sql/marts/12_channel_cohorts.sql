-- Candidates by month of sign-up and channel, and how many were asked within 14 days
select
    cast(date_trunc('month', candidates.signed_up_at) as date) as signed_up_month,
    candidates.channel,
    count(*) as candidates,
    count(requests.first_requested_at) as asked,
    count(
        case
            when requests.first_requested_at < candidates.signed_up_at + interval '14' day then 1
        end
    ) as asked_within_14_days
from core.dim_candidates as candidates
left join (
    select candidate_id, min(requested_at) as first_requested_at
    from marketplace.fct_interview_requests
    group by 1
) as requests on candidates.candidate_id = requests.candidate_id
group by 1, 2
order by 1, 2
