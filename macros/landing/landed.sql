{#
    The events of one landed table, each once, with the columns of the envelope and of the contract:
    the only macro that hides a column list. A row counts if its batch counts in this run, and if it
    is not a copy.

    Arguments: the names of the source and the table. For an event with further versions, also their
    tables, each with SQL for the columns of an earlier version that it lacks, or has in another
    type: {'offer_extended_v2': {'base_salary': 'yearly_salary'}}. Columns without SQL are null.
#}
{% macro landed(source_name, table_name, further={}) %}
    {%- set columns = landed_columns(source_name, [table_name] + further.keys() | list) -%}
    select {% for column in columns %}
        events.{{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
    from {{ landed_versions(source_name, table_name, further) }} as events
    {{ is_counted() }}
    {{ join_copies("'" ~ table_name ~ "'") }}
    where copies.batch_id is null
{%- endmacro %}

{# The join that keeps only the rows of batches that count, for a landed table called `events`. #}
{% macro is_counted() -%}
    inner join {{ ref('stg_landing__batches') }} as batches on events.batch_id = batches.batch_id
{%- endmacro %}
