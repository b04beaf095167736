with views as (
    select search_id, employer_id, candidate_id, min(created_at) as viewed_at
    from profile_views
    where search_id is not null
    group by 1, 2, 3
),

requests as (
    select positions.employer_id, candidacies.candidate_id, candidacies.created_at
    from candidacies
    join positions on candidacies.position_id = positions.id
    where candidacies.origin = 'interview_request'
),

requested as (
    select views.search_id, count(*) as candidates
    from views
    join searches on views.search_id = searches.id
    where
        exists (
            select 1
            from requests
            where
                requests.employer_id = views.employer_id
                and requests.candidate_id = views.candidate_id
                and requests.created_at >= views.viewed_at
                and requests.created_at < searches.created_at + interval '7 days'
        )
    group by 1
)

select
    cast(date_trunc('week', searches.created_at) as date) as searched_week,
    coalesce(roles.name, 'any') as role,
    count(*) as searches,
    count(*) filter (where searches.result_count = 0) as without_result,
    count(viewed.search_id) as viewed,
    count(requested.search_id) as requested,
    coalesce(sum(requested.candidates), 0) as requested_candidates
from searches
left join roles on searches.role_id = roles.id
left join (select distinct search_id from views) as viewed on searches.id = viewed.search_id
left join requested on searches.id = requested.search_id
group by 1, 2
order by 1, 2
