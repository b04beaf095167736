with

-- Ids that links name, and those that only page views name.
ids as (

    select
        person_id,
        id,
        is_user
    from {{ ref('int_person_ids') }}
    union
    select
        page_views.person_id,
        page_views.person_id as id,
        page_views.user_id is not null as is_user
    from {{ ref('int_session_page_views') }} as page_views
    left join {{ ref('int_person_ids') }} as linked on page_views.person_id = linked.id
    where linked.id is null

),

counted as (

    select
        person_id,
        count(case when is_user then 1 end) as user_id_count,
        count(case when not is_user then 1 end) as anonymous_id_count
    from ids
    group by person_id

),

seen as (

    select
        person_id,
        count(case when page_number = 1 then 1 end) as session_count,
        count(*) as page_view_count,
        min(viewed_at) as first_viewed_at,
        max(viewed_at) as last_viewed_at
    from {{ ref('int_session_page_views') }}
    group by person_id

),

final as (

    select
        counted.person_id,
        counted.user_id_count > 0 as is_user,
        counted.user_id_count,
        counted.anonymous_id_count,
        coalesce(seen.session_count, 0) as session_count,
        coalesce(seen.page_view_count, 0) as page_view_count,
        seen.first_viewed_at,
        seen.last_viewed_at
    from counted
    left join seen on counted.person_id = seen.person_id

)

select * from final
