{{ config(
    incremental_strategy='delete+insert',
    unique_key=['event_id', 'viewed_at']
) }}

{% set order = 'viewed_at, event_id' %}
{% set utm = ['utm_source', 'utm_medium', 'utm_campaign'] %}
{% set silence = 'previous_at is null or viewed_at > ' ~ dbt.dateadd('minute', 30, 'previous_at') %}

with

-- A link may take page views from one person to another, so rows are known by their page view. All
-- page views of the person who loses some have changed as well.
touched as (

    {{ touched_keys('person_id', ['int_person_page_views']) }}

),

placed as (

    select
        *,
        lag(viewed_at) over (partition by person_id order by {{ order }}) as previous_at
    from {{ ref('int_person_page_views') }}
    where {{ is_touched('person_id') }}

),

visits as (

    select
        *,
        {{ running_count(silence, 'person_id', order) }} as visit_number
    from placed

),

-- Each campaign in a session is the session's own: the last one before tells whether one is new.
campaigns as (

    select
        {% for part in utm %}
        lag({{ part }}) over (
            partition by person_id, visit_number, has_campaign order by {{ order }}
        ) as last_{{ part }},
        {% endfor %}
        *
    from visits

),

numbered as (

    select
        *,
        {{ running_count(
            silence ~ " or coalesce(utm_source, '') <> coalesce(last_utm_source, '')"
            ~ " or coalesce(utm_medium, '') <> coalesce(last_utm_medium, '')"
            ~ " or coalesce(utm_campaign, '') <> coalesce(last_utm_campaign, '')",
            'person_id', order
        ) }} as session_number
    from campaigns

),

final as (

    select
        {% for column in [
            'event_id', 'viewed_at', 'person_id', 'user_id', 'anonymous_id', 'page_name',
            'page_url', 'referrer', 'referrer_host', 'utm_source', 'utm_medium', 'utm_campaign',
            'device'
        ] %}
        {{ column }},
        {% endfor %}
        cast(session_number as bigint) as session_number,
        row_number() over (
            partition by person_id, session_number order by {{ order }}
        ) as page_number,
        first_value(event_id) over (
            partition by person_id, session_number order by {{ order }} rows unbounded preceding
        ) as session_id,
        max(batch_id) over (partition by person_id) as batch_id
    from numbered

)

select * from final
