{#
    What a model's connection is told first. PostgreSQL expects next to no rows of a filtered
    window function or of a table that was filled a moment ago, and then joins by nested loops:
    minutes instead of a second. Nothing that we build has an index such a loop could use. A merge
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
