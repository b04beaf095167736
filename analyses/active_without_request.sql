-- Who is active, can be found, and has had no request lately?
select
    candidates.role,
    count(*) as candidates,
    min(activity.last_seen_at) as longest_unseen
from {{ ref('candidate_activity') }} as activity
inner join {{ ref('dim_candidates') }} as candidates
    on activity.candidate_id = candidates.candidate_id
where
    activity.is_searchable
    and activity.recent_request_count = 0
    and activity.last_seen_at >= {{ dbt.dateadd('day', -14, 'activity.as_of_day') }}
group by candidates.role
order by candidates desc, candidates.role asc
