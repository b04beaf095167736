with

starts as (

    select
        session_id as touch_id,
        person_id,
        session_number as touch_number,
        viewed_at as touched_at,
        {{ is_direct() }} as is_direct,
        page_name as landing_page_name,
        referrer_host,
        utm_source,
        utm_medium,
        utm_campaign,
        device
    from {{ ref('int_session_page_views') }}
    where page_number = 1

),

channels as (

    {{ channel_of_source('starts') }}

),

final as (

    select
        starts.touch_id,
        starts.person_id,
        starts.touch_number,
        starts.touched_at,
        cast(
            case when starts.is_direct then 'direct' else coalesce(channels.channel, 'unknown') end
            as varchar(40)
        ) as channel,
        starts.is_direct,
        starts.landing_page_name,
        starts.referrer_host,
        starts.utm_source,
        starts.utm_medium,
        starts.utm_campaign,
        starts.device
    from starts
    left join channels on {{ is_source('channels', 'starts') }}

)

select * from final
