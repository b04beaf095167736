with

views as (

    select
        viewed.*,
        row_number() over (
            partition by viewed.search_id, viewed.candidate_id
            order by viewed.viewed_at, viewed.event_id
        ) as view_number
    from {{ ref('int_profile_views') }} as viewed

),

searches as (

    select * from {{ ref('int_searches') }}

),

requests as (

    select
        views.event_id,
        views.viewed_at,
        requests.candidacy_id,
        requests.requested_at,
        row_number() over (
            partition by views.event_id, views.viewed_at
            order by requests.requested_at, requests.candidacy_id
        ) as place
    from views
    inner join {{ ref('int_interview_requests') }} as requests
        on
            views.employer_id = requests.employer_id
            and views.candidate_id = requests.candidate_id
            and views.viewed_at <= requests.requested_at

),

final as (

    select
        views.event_id as profile_view_id,
        views.viewed_at,
        views.employer_id,
        views.candidate_id,
        views.position_id,
        views.search_id,
        searches.searched_at,
        case when views.search_id is not null then views.view_number end as search_view_number,
        views.result_rank,
        requests.candidacy_id,
        requests.requested_at,
        {{ seconds_between('views.viewed_at', 'requests.requested_at') }} as seconds_to_request
    from views
    left join searches on views.search_id = searches.search_id
    left join requests
        on
            views.event_id = requests.event_id
            and views.viewed_at = requests.viewed_at
            and requests.place = 1

)

select * from final
