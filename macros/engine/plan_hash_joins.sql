{#
    Settings of the connection that builds a model. PostgreSQL expects almost no rows from a
    filtered window function or a table that was just filled, and then joins by nested loops:
    minutes instead of a second. None of our tables has an index that such a loop could use. A merge
    join sorts a whole history for the few keys that a run touches.
#}
{% macro plan_hash_joins() -%}
    {{ return(adapter.dispatch('plan_hash_joins', 'hirehouse')()) }}
{%- endmacro %}

{% macro default__plan_hash_joins() -%}{%- endmacro %}

{% macro redshift__plan_hash_joins() -%}{%- endmacro %}

{% macro postgres__plan_hash_joins() -%}
    set enable_nestloop = off;
    set enable_mergejoin = off
{%- endmacro %}
