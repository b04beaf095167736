{# All landed rows, including copies, with the columns that all events share. #}
{% macro all_events() -%}
    {%- for table in event_tables() %}
    select
        cast('{{ table.event }}' as varchar(128)) as event,
        {{ table.version }} as version,
        events.event_id,
        events.occurred_at,
        events.received_at,
        events.replayed_at,
        events.batch_id,
        events.batch_row,
        events.context_library_name,
        events.context_app_version
    from {{ table.relation }} as events
    {{- '\n    union all' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{#
    Per event and property of a contract: how often it has a value in rows that this model has not
    read yet, and on which day last. One scan of the new rows of a table gives a row per property.
#}
{% macro property_counts() -%}
    {#- Outside of the loop, so that dbt also finds the reference when it parses. -#}
    {%- set join_of_batches = is_counted() -%}
    {%- for table in event_tables() %}
    select
        cast('{{ table.event }}' as varchar(128)) as event,
        {{ table.version }} as version,
        properties.property,
        properties.is_required,
        counted.event_count,
        counted.event_last_on,
        case properties.number {%- for property in table.properties %}
            when {{ loop.index }} then counted.count_{{ loop.index }}
        {%- endfor %} end as seen_count,
        case properties.number {%- for property in table.properties %}
            when {{ loop.index }} then counted.last_on_{{ loop.index }}
        {%- endfor %} end as last_seen_on,
        coalesce(counted.batch_id, 0) as batch_id
    from (
        select {% for property in table.properties %}
            count(events.{{ property.name }}) as count_{{ loop.index }},
            max(case when events.{{ property.name }} is not null then events.known_on end)
                as last_on_{{ loop.index }},
        {%- endfor %}
            count(*) as event_count,
            max(events.known_on) as event_last_on,
            max(events.batch_id) as batch_id
        from (
            select
                events.*,
                cast(coalesce(events.replayed_at, events.received_at) as date) as known_on
            from {{ table.relation }} as events
            {{ join_of_batches }}
            where {{ is_new('events') }}
        ) as events
    ) as counted
    cross join (
    {%- for property in table.properties %}
        select
            {{ loop.index }} as number,
            cast('{{ property.name }}' as varchar(63)) as property,
            {{ 'true' if property.config.meta.required else 'false' }} as is_required
        {{- '\n        union all' if not loop.last }}
    {%- endfor %}
    ) as properties
    {{- '\n    union all' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
