{#
    Stands between `as` and the bracket of a CTE that is read more than once: DuckDB and PostgreSQL
    would first copy such a one whole, and then find nothing in it by block or index.
#}
{% macro inlined() -%}
    {{ return(adapter.dispatch('inlined', 'hirehouse')()) }}
{%- endmacro %}

{% macro default__inlined() -%}
    not materialized
{%- endmacro %}

{# Redshift has no such words. #}
{% macro redshift__inlined() -%}{%- endmacro %}
