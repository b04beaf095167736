{#
    The events of an activity that training sets have a row for: per key, the one that became known
    first, and whose it is with it. Its `moment` is when it happened; by a clock that runs ahead,
    when it became known, so that the event itself and its answer are never among its features.
    Arguments: the activity in int_known_activity, and the column of the key.
#}
{% macro first_known(activity, key) -%}
    select * from (
        select
            activity.*,
            least(activity.occurred_at, activity.event_known_at) as moment,
            row_number() over (
                partition by activity.{{ key }}
                order by
                    activity.known_at,
                    activity.event_known_at,
                    activity.occurred_at,
                    activity.event_id
            ) as place
        from {{ ref('int_known_activity') }} as activity
        where activity.activity = '{{ activity }}'
    ) as activity
    where place = 1
{%- endmacro %}

{#
    Per key, the first answer to become known, if that was before the day of the label.
    Arguments: the CTE of first_known(), its key, the activities that answer, and the days from the
    moment to the label.
#}
{% macro first_known_answer(asked, key, activities, days) -%}
    select * from (
        select
            asked.{{ key }},
            activity.activity,
            activity.known_at,
            row_number() over (
                partition by asked.{{ key }}
                order by activity.known_at, activity.occurred_at, activity.event_id
            ) as place
        from {{ asked }} as asked
        inner join {{ ref('int_known_activity') }} as activity
            on
                asked.{{ key }} = activity.{{ key }}
                and activity.activity in ('{{ activities | join("', '") }}')
                and activity.known_at < {{ dbt.dateadd('day', days, 'asked.moment') }}
    ) as activity
    where place = 1
{%- endmacro %}

{#
    The columns of a label: when it is due, whether the row has one, which is once that is over, if the
    row was known by then; and what it is. Arguments: the aliases of first_known() and
    first_known_answer(), the activity that accepts, and the days.
#}
{% macro label_columns(asked, answers, accepts, days) -%}
    {%- set label_at = dbt.dateadd('day', days, asked ~ '.moment') -%}
    {%- set is_resolved = label_at ~ ' <= as_of.reaches_until and ' ~ asked ~ '.known_at < ' ~ label_at -%}
    {{ label_at }} as label_at,
        {{ is_resolved }} as is_resolved,
        case
            when not ({{ is_resolved }}) then null
            when {{ answers }}.activity is null then 'none'
            when {{ answers }}.activity = '{{ accepts }}' then 'accepted'
            else 'declined'
        end as label
{%- endmacro %}

{# Joins the features of all three entities as of the moment, and the market of the position. #}
{% macro join_features(asked, entities=['candidate', 'employer', 'position'], place='positions') -%}
    {%- for entity in entities %}
    left join {{ entity }}s
        on
            {{ asked }}.{{ entity }}_id = {{ entity }}s.{{ entity }}_id
            and {{ asked }}.moment = {{ entity }}s.moment
    {%- endfor %}
    {{ join_market(place) }}
{%- endmacro %}

{# The columns of those features, each with its entity before its name, and those of the market. #}
{% macro training_columns(asked, entities=['candidate', 'employer', 'position']) -%}
    {%- for entity in entities -%}
    {%- for column in feature_set(entity).columns if not column.endswith(('_at', '_id')) %}
        {{ entity }}s.{{ column }} as {{ entity }}_{{ column }},
    {%- endfor %}
    {%- for column in feature_counts(entity) %}
        {{ entity }}s.{{ column }} as {{ entity }}_{{ column }},
    {%- endfor %}
    {%- endfor %}
        {{ market_columns() }}
{%- endmacro %}
