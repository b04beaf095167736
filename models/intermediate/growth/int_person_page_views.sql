{{ config(materialized='view') }}

with

views as (

    select
        event_id,
        occurred_at,
        user_id,
        anonymous_id,
        coalesce(user_id, anonymous_id, event_id) as visitor_id,
        page_name,
        context_page_url as page_url,
        context_page_referrer as referrer,
        {{ host('context_page_referrer') }} as referrer_host,
        {{ host('context_page_url') }} as own_host,
        nullif(context_utm_source, '') as utm_source,
        nullif(context_utm_medium, '') as utm_medium,
        nullif(context_utm_campaign, '') as utm_campaign,
        {{ device('context_user_agent') }} as device,
        batch_id
    from {{ ref('stg_web__page_viewed') }}

),

identified as (

    select
        views.event_id,
        views.occurred_at as viewed_at,
        views.user_id,
        views.anonymous_id,
        coalesce(ids.person_id, views.visitor_id) as person_id,
        views.page_name,
        views.page_url,
        views.referrer,
        -- Not of our own site, the host itself or one with more or fewer labels in front.
        case
            when views.referrer_host = views.own_host then null
            when views.referrer_host like '%.' || views.own_host then null
            when views.own_host like '%.' || views.referrer_host then null
            else views.referrer_host
        end as referrer_host,
        views.utm_source,
        views.utm_medium,
        views.utm_campaign,
        case
            when coalesce(views.utm_source, views.utm_medium, views.utm_campaign) is null then 0
            else 1
        end as has_campaign,
        views.device,
        greatest(views.batch_id, coalesce(ids.batch_id, 0)) as batch_id
    from views
    left join {{ ref('int_person_ids') }} as ids on views.visitor_id = ids.id

)

select * from identified
