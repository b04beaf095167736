{#
    The join that finds, for the rows of `events`, whether they are copies: `copies.batch_id` is
    null for those that are not. Argument: the event's name, as SQL.
#}
{% macro join_copies(event) -%}
    left join {{ ref('stg_landing__copies') }} as copies
        on
            events.batch_id = copies.batch_id
            and events.batch_row = copies.batch_row
            and copies.event = {{ event }}
{%- endmacro %}

{#
    The rows among which copies of new rows are found: those with the id of a new row, and times
    within 30 days of the new ones. In a full build, all rows of ids that occur more than once.
#}
{% macro repeated_rows() -%}
    {%- set spans = new_spans() -%}
    {%- for event, relations in landed_by_event().items() if event in spans %}
    select
        cast('{{ event }}' as varchar(128)) as event,
        events.event_id,
        events.occurred_at,
        events.batch_id,
        events.batch_row
    from {{ relations }} as events
    where
        events.event_id in (
            select events.event_id
            from {{ relations }} as events
            {%- if is_incremental() %}
            where {{ is_new('events') }}
            {%- else %}
            group by 1
            having count(*) > 1
            {%- endif %}
        )
        {%- if is_incremental() %}
        and events.occurred_at between
        {{ dbt.dateadd('day', -30, "cast('" ~ spans[event][0] ~ "' as timestamp)") }}
        and {{ dbt.dateadd('day', 30, "cast('" ~ spans[event][1] ~ "' as timestamp)") }}
        {%- endif %}
    {{- '\n    union all' if not loop.last }}
    {%- else %}
    select
        cast(null as varchar(128)) as event,
        cast(null as varchar(128)) as event_id,
        cast(null as timestamp) as occurred_at,
        cast(null as bigint) as batch_id,
        cast(null as bigint) as batch_row
    from {{ source('landing', 'batches') }}
    where 1 = 0
    {%- endfor -%}
{%- endmacro %}

{# By event, its landed table, or a union of the tables of all its versions. #}
{% macro landed_by_event() %}
    {%- set columns = 'event_id, occurred_at, batch_id, batch_row' -%}
    {%- set found = {} -%}
    {%- for table in event_tables() -%}
        {%- do found.setdefault(table.event, []).append(table.relation) -%}
    {%- endfor -%}
    {%- set united = {} -%}
    {%- for event, relations in found.items() -%}
        {%- do united.update({event: relations[0] if relations | length == 1 else
            '(select ' ~ columns ~ ' from ' ~ relations | join(' union all select ' ~ columns ~ ' from ')
            ~ ')'
        }) -%}
    {%- endfor -%}
    {{ return(united) }}
{% endmacro %}

{#
    By event, the first and last time of its new rows, as literals; events without new rows are left
    out.
#}
{% macro new_spans() %}
    {%- set spans = {} -%}
    {%- set by_event = landed_by_event() -%}
    {%- if not is_incremental() -%}
        {{ return(by_event) }}
    {%- endif -%}
    {%- set queries = [] -%}
    {%- for event, relations in by_event.items() -%}
        {%- do queries.append(
            "select '" ~ event ~ "' as event, min(events.occurred_at) as first_at,"
            ~ ' max(events.occurred_at) as last_at from ' ~ relations ~ ' as events'
            ~ ' where ' ~ is_new('events')
        ) -%}
    {%- endfor -%}
    {%- for row in run_query(queries | join(' union all ')).rows if row[1] is not none -%}
        {%- do spans.update({row[0]: (row[1], row[2])}) -%}
    {%- endfor -%}
    {{ return(spans) }}
{% endmacro %}
