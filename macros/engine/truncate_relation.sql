{#
    How dbt empties a seed before it loads it anew. PostgreSQL's truncate waits for all who read the
    table, and shows it empty to those whose snapshot is older; Redshift's commits at once.
#}
{% macro postgres__truncate_relation(relation) -%}
    {%- call statement('truncate_relation') -%}
        delete from {{ relation }}
    {%- endcall -%}
{%- endmacro %}
