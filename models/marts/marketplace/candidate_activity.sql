{{ config(materialized='table') }}

with

as_of as (

    select
        as_of_day,
        ends_at,
        {{ dbt.dateadd('day', -28, 'ends_at') }} as recent_from
    from {{ ref('data_as_of') }}

),

requests as (

    select
        requests.candidate_id,
        count(*) as request_count,
        count(case when requests.requested_at >= as_of.recent_from then 1 end)
            as recent_request_count,
        count(case when requests.answered_at < as_of.ends_at then 1 end) as answer_count,
        count(
            case
                when requests.answer = 'accepted' and requests.answered_at < as_of.ends_at then 1
            end
        ) as accepted_count,
        max(requests.requested_at) as last_requested_at
    from {{ ref('int_interview_requests') }} as requests
    inner join as_of on requests.requested_at < as_of.ends_at
    group by 1

),

seen as (

    select
        coalesce(ids.id, page_views.person_id) as candidate_id,
        page_views.viewed_at as seen_at
    from {{ ref('fct_page_views') }} as page_views
    left join {{ ref('person_ids') }} as ids on page_views.person_id = ids.person_id
    union all
    select
        candidate_id,
        answered_at as seen_at
    from {{ ref('int_interview_requests') }}
    union all
    select
        candidate_id,
        applied_at as seen_at
    from {{ ref('int_candidacies') }}
    union all
    select
        candidate_id,
        signed_up_at as seen_at
    from {{ ref('dim_candidates') }}

),

last_seen as (

    select
        seen.candidate_id,
        max(seen.seen_at) as last_seen_at
    from seen
    inner join as_of on seen.seen_at < as_of.ends_at
    group by 1

),

final as (

    select
        candidates.candidate_id,
        as_of.as_of_day,
        candidates.signed_up_at,
        last_seen.last_seen_at,
        versions.is_searchable,
        coalesce(requests.request_count, 0) as request_count,
        coalesce(requests.recent_request_count, 0) as recent_request_count,
        coalesce(requests.answer_count, 0) as answer_count,
        coalesce(requests.accepted_count, 0) as accepted_count,
        requests.last_requested_at
    from {{ ref('dim_candidates') }} as candidates
    inner join as_of on candidates.signed_up_at < as_of.ends_at
    inner join {{ ref('dim_candidates_history') }} as versions
        on
            candidates.candidate_id = versions.candidate_id
            and as_of.ends_at > versions.valid_from
            and coalesce(as_of.ends_at <= versions.valid_to, true)
    left join last_seen on candidates.candidate_id = last_seen.candidate_id
    left join requests on candidates.candidate_id = requests.candidate_id

)

select * from final
