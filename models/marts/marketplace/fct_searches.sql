with

views as (

    select
        search_id,
        count(*) as view_count,
        count(distinct candidate_id) as viewed_candidate_count,
        min(viewed_at) as first_viewed_at
    from {{ ref('int_profile_views') }}
    where search_id is not null
    group by 1

),

final as (

    select
        searches.search_id,
        searches.employer_id,
        searches.searched_at,
        cast(date_trunc('week', searches.searched_at) as date) as searched_week,
        searches.role,
        searches.location,
        searches.min_years_experience,
        searches.result_count,
        coalesce(views.view_count, 0) as view_count,
        coalesce(views.viewed_candidate_count, 0) as viewed_candidate_count,
        views.first_viewed_at
    from {{ ref('int_searches') }} as searches
    left join views on searches.search_id = views.search_id

)

select * from final
