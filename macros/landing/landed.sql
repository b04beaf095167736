{#
    The events of one raw table that this run learns of, each once, with the columns of the
    envelope and of the contract: the only macro that hides a column list.

    - Only batches up to this run's ceiling count (stg_landing__batches); rows of a crashed batch
      are in none.
    - An incremental run reads the batches after its own last one.
    - First landed wins: of several copies of an event, the one with the smallest
      (batch_id, batch_row) stays. A copy carries the same occurred_at, so the search for earlier
      ones is bounded by the new events' range of it.

    Arguments: the source's and the table's name.
#}
{% macro landed(source_name, table_name) %}
    {%- set raw_table = source(source_name, table_name) %}
    {%- set batches = ref('stg_landing__batches') %}
    {%- set columns = landed_columns(source_name, table_name) -%}
    select {% for column in columns %}
        numbered.{{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
    from (
        select
            events.*,
            row_number() over (
                partition by events.event_id, events.occurred_at
                order by events.batch_id, events.batch_row
            ) as copy_number
        from {{ raw_table }} as events
        where
            events.batch_id in (select batches.batch_id from {{ batches }} as batches)
            and {{ is_new('events') }}
    ) as numbered
    {%- if is_incremental() %}
    -- A join and not an `exists`: PostgreSQL would search the table anew for every row.
    left join (
        select
            event_id,
            occurred_at
        from {{ this }}
        where
            occurred_at between (select min(occurred_at) from {{ raw_table }} where {{ is_new() }})
            and (select max(occurred_at) from {{ raw_table }} where {{ is_new() }})
    ) as earlier
        on numbered.event_id = earlier.event_id and numbered.occurred_at = earlier.occurred_at
    {%- endif %}
    where
        numbered.copy_number = 1
        {%- if is_incremental() %}
        and earlier.event_id is null
        {%- endif %}
{%- endmacro %}

{# The names of a raw table's columns: the envelope's, then the contract's. #}
{% macro landed_columns(source_name, table_name) %}
    {%- set names = [] -%}
    {%- if execute -%}
        {%- for wanted in [('landing', 'envelope'), (source_name, table_name)] -%}
            {%- for node in graph.sources.values()
                if (node.source_name, node.name) == wanted -%}
                {%- do names.extend(node.columns.keys()) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- else -%}
        {%- do names.append('event_id') -%}
    {%- endif -%}
    {{ return(names) }}
{% endmacro %}
