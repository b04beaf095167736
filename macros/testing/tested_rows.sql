{#
    The batch after which data tests look at rows, as a literal: those committed within the var
    `test_days` before the newest one. All of them if it is 0, as at night.
#}
{% macro tested_after() -%}
    {%- if not execute or not var('test_days') -%}
        {{ return(0) }}
    {%- endif -%}
    {%- set batches = source('landing', 'batches') -%}
    {%- if not load_relation(batches) -%}
        {{ return(0) }}
    {%- endif -%}
    {%- set newest -%}
        cast((select max(committed_at) from {{ batches }}) as timestamp)
    {%- endset -%}
    {%- set older = run_query(
        'select coalesce(max(batch_id), 0) from ' ~ batches
        ~ ' where committed_at < ' ~ dbt.dateadd('day', -var('test_days'), newest)
    ) -%}
    {{ return(older.rows[0][0]) }}
{%- endmacro %}

{#
    What a data test reads. `where: tested rows` in its config means the rows that tested_after()
    tells of; any other condition is dbt's own affair.
#}
{% macro get_where_subquery(relation) -%}
    {%- if config.get('where') == 'tested rows' -%}
        {{ return('(select * from ' ~ relation ~ ' where batch_id > ' ~ tested_after() ~ ') as tested') }}
    {%- endif -%}
    {{ return(adapter.dispatch('get_where_subquery', 'dbt')(relation)) }}
{%- endmacro %}
