with

views as (

    select
        event_id as page_view_id,
        session_id,
        person_id,
        user_id,
        anonymous_id,
        viewed_at,
        page_number as session_page_number,
        page_name,
        page_url,
        referrer,
        utm_source,
        utm_medium,
        utm_campaign,
        device
    from {{ ref('int_session_page_views') }}

)

select * from views
