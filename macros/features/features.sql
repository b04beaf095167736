{# What the features of each entity are made of: columns of its states, and counted activities. #}
{% macro feature_set(entity) -%}
    {{ return({
        'candidate': {
            'states': ref('candidates_as_known'),
            'columns': [
                'signed_up_at', 'role', 'location', 'years_experience', 'remote_preference',
                'min_base_salary', 'currency', 'review_decision', 'availability', 'is_searchable',
            ],
            'activities': ['page_view', 'profile_view', 'request', 'acceptance', 'application'],
        },
        'employer': {
            'states': ref('employers_as_known'),
            'columns': ['signed_up_at', 'industry', 'employee_range'],
            'activities': ['search', 'profile_view', 'request', 'acceptance', 'hire'],
        },
        'position': {
            'states': ref('positions_as_known'),
            'columns': [
                'employer_id', 'opened_at', 'role', 'location', 'remote_policy', 'min_salary',
                'max_salary', 'currency', 'is_closed',
            ],
            'activities': ['request', 'acceptance', 'application'],
        },
    }[entity]) }}
{%- endmacro %}

{# The names of the counts of an entity: each activity in the last 7, 28 and 90 days. #}
{% macro feature_counts(entity) -%}
    {%- set names = [] -%}
    {%- for activity in feature_set(entity).activities -%}
        {%- for days in [7, 28, 90] -%}
            {%- do names.append(activity ~ '_count_' ~ days ~ 'd') -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(names) }}
{%- endmacro %}

{#
    The features of entities as known before some moments: a row per key and moment about which
    anything was known, with the columns of the state and the counts. Features of days and training
    sets share this text, so a model is trained on the numbers that it will score.

    Arguments: the entity, and the CTE with its key and a column `moment`.
#}
{% macro features(entity, asked) -%}
    {%- set key = entity ~ '_id' -%}
    {%- set own = feature_set(entity) -%}
    select
        states.*,
    {%- for name in feature_counts(entity) %}
        coalesce(counts.{{ name }}, 0) as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
    from (
        {{ point_in_time(
            asked, key, 'moment', own.states, 'known_from', ['known_from'], own.columns
        ) }}
    ) as states
    left join (
        select
            asked.{{ key }},
            asked.moment,
        {%- for activity in own.activities %}{% for days in [7, 28, 90] %}
            count(
                case
                    when
                        activity.activity = '{{ activity }}'
                        and activity.occurred_at >= {{ dbt.dateadd('day', -days, 'asked.moment') }}
                        then 1
                end
            ) as {{ activity }}_count_{{ days }}d,
        {%- endfor %}{% endfor %}
            count(*) as activity_count
        from (select distinct {{ key }}, moment from {{ asked }}) as asked
        inner join {{ ref('int_known_activity') }} as activity
            on
                asked.{{ key }} = activity.{{ key }}
                and asked.moment > activity.known_at
                and asked.moment > activity.occurred_at
                and activity.occurred_at >= {{ dbt.dateadd('day', -90, 'asked.moment') }}
        group by 1, 2
    ) as counts
        on states.{{ key }} = counts.{{ key }} and states.moment = counts.moment
{%- endmacro %}

{#
    Joins the market of a role and location as known at the end of the day before a moment. Many rows
    ask for the same one, so it is found once for them: a join on a range of days is slow.
    Argument: the CTE of the rows with `role`, `location` and `moment`.
#}
{% macro join_market(rows) -%}
    left join (
        select
            asked.role,
            asked.location,
            asked.asked_day,
            days.candidate_count,
            days.position_count,
            days.salary_p25,
            days.salary_p50,
            days.salary_p75
        from (
            select distinct
                role,
                location,
                cast(moment as date) as asked_day
            from {{ rows }}
        ) as asked
        inner join {{ ref('market_days') }} as days
            on
                asked.role = days.role
                and asked.location = days.location
                and asked.asked_day > days.market_day
                and asked.asked_day <= coalesce(days.next_day, cast('9999-12-31' as date))
    ) as markets
        on
            {{ rows }}.role = markets.role
            and {{ rows }}.location = markets.location
            and cast({{ rows }}.moment as date) = markets.asked_day
{%- endmacro %}

{#
    The days of features of an entity: from the day on whose end it is known, for the last
    `feature_days` days. Its key, `feature_day` and `moment`. Argument: the entity.
#}
{% macro entity_days(entity) -%}
    {%- set key = entity ~ '_id' -%}
    select
        entities.{{ key }},
        days.feature_day,
        days.moment
    from (
        select
            {{ key }},
            min(known_from) as known_from
        from {{ feature_set(entity).states }}
        group by 1
    ) as entities
    inner join ({{ feature_days() }}) as days on entities.known_from < days.moment
{%- endmacro %}

{# The columns of join_market() that features have. #}
{% macro market_columns() -%}
    markets.candidate_count as market_candidate_count,
        markets.position_count as market_position_count,
        markets.salary_p25 as market_salary_p25,
        markets.salary_p50 as market_salary_p50,
        markets.salary_p75 as market_salary_p75
{%- endmacro %}

{#
    The last `feature_days` days (a var) up to that of `data_as_of`: `feature_day`, and `moment`, at
    which the day is over.
#}
{% macro feature_days() -%}
    select
        dates.date_day as feature_day,
        cast({{ dbt.dateadd('day', 1, 'dates.date_day') }} as timestamp) as moment
    from {{ ref('dim_dates') }} as dates
    inner join {{ ref('data_as_of') }} as as_of
        on
            dates.date_day <= as_of.as_of_day
            and dates.date_day > {{ dbt.dateadd('day', -var('feature_days'), 'as_of.as_of_day') }}
{%- endmacro %}
