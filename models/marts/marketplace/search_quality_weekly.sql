{{ config(materialized='table') }}

with

searches as (

    select
        search_id,
        searched_at,
        searched_week,
        coalesce(role, 'any') as role,
        result_count,
        view_count
    from {{ ref('fct_searches') }}

),

-- Who was viewed from a search and requested within 7 days of it, once for each search.
requested as (

    select
        searches.searched_week,
        searches.role,
        searches.search_id,
        viewed.result_rank,
        row_number() over (
            partition by searches.searched_week, searches.role
            -- Unknown ranks come last, so that they don't affect the places of the others.
            order by case when viewed.result_rank is null then 1 else 0 end, viewed.result_rank
        ) as value_rank,
        count(viewed.result_rank) over (
            partition by searches.searched_week, searches.role
        ) as value_count
    from searches
    inner join {{ ref('fct_profile_views') }} as viewed
        on
            searches.search_id = viewed.search_id
            and viewed.search_view_number = 1
            and viewed.requested_at < {{ dbt.dateadd('day', 7, 'searches.searched_at') }}

),

requests as (

    select
        searched_week,
        role,
        count(distinct search_id) as requested_count,
        count(*) as requested_candidate_count,
        count(result_rank) as ranked_candidate_count,
        {{ percentile('result_rank', 50) }} as median_result_rank,
        {{ percentile('result_rank', 90) }} as p90_result_rank
    from requested
    group by 1, 2

),

counted as (

    select
        searched_week,
        role,
        count(*) as search_count,
        count(case when result_count = 0 then 1 end) as no_result_count,
        count(case when view_count > 0 then 1 end) as viewed_count
    from searches
    group by 1, 2

),

final as (

    select
        counted.searched_week,
        counted.role,
        counted.search_count,
        counted.no_result_count,
        counted.viewed_count,
        coalesce(requests.requested_count, 0) as requested_in_7_days_count,
        {{ ratio('counted.no_result_count', 'counted.search_count') }} as no_result_ratio,
        {{ ratio('counted.viewed_count', 'counted.search_count') }} as viewed_ratio,
        {{ ratio('coalesce(requests.requested_count, 0)', 'counted.search_count') }}
            as requested_in_7_days_ratio,
        coalesce(requests.requested_candidate_count, 0) as requested_candidate_count,
        coalesce(requests.ranked_candidate_count, 0) as ranked_candidate_count,
        requests.median_result_rank,
        requests.p90_result_rank
    from counted
    left join requests
        on counted.searched_week = requests.searched_week and counted.role = requests.role

)

select * from final
