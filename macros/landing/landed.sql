{#
    The events of one landed table, each once, with the columns of the envelope and of the contract:
    the only macro that hides a column list. Rows count if their batch does in this run, and if
    they are no copies.

    Arguments: the source's and the table's name; and of an event with further versions their
    tables, each with what it says, as SQL, of columns that an earlier one has and it has not, or
    in another type: {'offer_extended_v2': {'base_salary': 'yearly_salary'}}. What a version does
    not say at all is null.
#}
{% macro landed(source_name, table_name, further={}) %}
    {%- set columns = landed_columns(source_name, [table_name] + further.keys() | list) -%}
    select {% for column in columns %}
        events.{{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
    from {{ landed_versions(source_name, table_name, further) }} as events
    {{ is_counted() }}
    left join {{ ref('stg_landing__copies') }} as copies
        on
            events.batch_id = copies.batch_id
            and events.batch_row = copies.batch_row
            and copies.event = '{{ table_name }}'
    where copies.batch_id is null
{%- endmacro %}

{# The join that leaves, of a landed table called `events`, the rows of batches that count. #}
{% macro is_counted() -%}
    inner join {{ ref('stg_landing__batches') }} as batches on events.batch_id = batches.batch_id
{%- endmacro %}
