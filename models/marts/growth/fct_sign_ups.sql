{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['account_id', 'account_kind']
) }}

{% set source = ['utm_source', 'utm_medium', 'utm_campaign', 'referrer_host'] %}

with

-- An account without links is a person by its own id.
touched as (

    {{ touched_keys('account_id', ['int_sign_ups']) }}
    union
    {{ touched_keys('id', ['int_person_ids']) }}
    union
    {{ touched_keys('person_id', ['int_session_page_views']) }}
    union
    select ids.id
    from {{ ref('int_person_ids') }} as ids
    where ids.person_id in ({{ touched_keys('person_id', ['int_session_page_views']) }})

),

ranked_sign_ups as (

    select
        sign_ups.account_id,
        sign_ups.account_kind,
        coalesce(ids.person_id, sign_ups.account_id) as person_id,
        sign_ups.signed_up_at,
        sign_ups.channel as declared_channel,
        row_number() over (
            partition by sign_ups.account_id, sign_ups.account_kind
            order by sign_ups.signed_up_at, sign_ups.event_id
        ) as place
    from {{ ref('int_sign_ups') }} as sign_ups
    left join {{ ref('int_person_ids') }} as ids on sign_ups.account_id = ids.id
    where {{ is_touched('account_id', 'sign_ups') }}

),

sign_ups as (

    select * from ranked_sign_ups where place = 1

),

-- The last session that a campaign or another site led to is the one; without such, the last.
ranked_sessions as (

    select
        sign_ups.account_id,
        sign_ups.account_kind,
        sessions.session_id,
        sessions.viewed_at,
        {% for column in source %}
        sessions.{{ column }},
        {% endfor %}
        row_number() over (
            partition by sign_ups.account_id, sign_ups.account_kind
            order by {{ is_direct('sessions') }}, sessions.viewed_at desc, sessions.event_id desc
        ) as place,
        max(sessions.viewed_at) over (
            partition by sign_ups.account_id, sign_ups.account_kind
        ) as last_session_at
    from sign_ups
    inner join {{ ref('int_session_page_views') }} as sessions
        on
            sign_ups.person_id = sessions.person_id
            and sign_ups.signed_up_at >= sessions.viewed_at
    where sessions.page_number = 1

),

final as (

    select
        sign_ups.account_id,
        sign_ups.account_kind,
        sign_ups.person_id,
        sign_ups.signed_up_at,
        sign_ups.declared_channel,
        sessions.session_id as touch_id,
        sessions.viewed_at as touched_at,
        {% for column in source %}
        sessions.{{ column }},
        {% endfor %}
        sessions.last_session_at
    from sign_ups
    left join ranked_sessions as sessions
        on
            sign_ups.account_id = sessions.account_id
            and sign_ups.account_kind = sessions.account_kind
            and sessions.place = 1

)

select * from final
