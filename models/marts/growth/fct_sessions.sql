{% set of_first_page = [
    'page_name', 'page_url', 'referrer', 'utm_source', 'utm_medium', 'utm_campaign', 'device'
] %}

with

sessions as (

    select
        session_id,
        person_id,
        session_number,
        min(viewed_at) as started_at,
        max(viewed_at) as ended_at,
        count(*) as page_view_count,
        {% for column in of_first_page %}
        max(case when page_number = 1 then {{ column }} end) as {{ column }},
        {% endfor %}
        lead(min(viewed_at)) over (
            partition by person_id order by session_number
        ) as next_started_at
    from {{ ref('int_session_page_views') }}
    group by session_id, person_id, session_number

),

accounts as (

    select
        account_id as id,
        account_kind as kind,
        min(signed_up_at) as signed_up_at
    from {{ ref('int_sign_ups') }}
    group by account_id, account_kind

),

-- A sign-up may follow the last page of its session, as long as the session might still go on.
sign_ups as (

    select
        sessions.person_id,
        sessions.session_number,
        accounts.kind,
        accounts.signed_up_at,
        row_number() over (
            partition by sessions.person_id, sessions.session_number
            order by accounts.signed_up_at, accounts.kind, accounts.id
        ) as place
    from accounts
    left join {{ ref('int_person_ids') }} as ids on accounts.id = ids.id
    inner join sessions
        on
            coalesce(ids.person_id, accounts.id) = sessions.person_id
            and accounts.signed_up_at >= sessions.started_at
            and {{ dbt.dateadd('minute', 30, 'sessions.ended_at') }} >= accounts.signed_up_at
    where sessions.next_started_at is null or accounts.signed_up_at < sessions.next_started_at

),

final as (

    select
        sessions.session_id,
        sessions.person_id,
        sessions.session_number,
        sessions.started_at,
        sessions.ended_at,
        {{ seconds_between('sessions.started_at', 'sessions.ended_at') }} as duration_seconds,
        sessions.page_view_count,
        sessions.page_name as landing_page_name,
        sessions.page_url as landing_page_url,
        sessions.referrer,
        sessions.utm_source,
        sessions.utm_medium,
        sessions.utm_campaign,
        sessions.device,
        sign_ups.kind as signed_up_as,
        sign_ups.signed_up_at
    from sessions
    left join sign_ups
        on
            sessions.person_id = sign_ups.person_id
            and sessions.session_number = sign_ups.session_number
            and sign_ups.place = 1

)

select * from final
