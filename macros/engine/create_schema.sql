{#
    How dbt makes a schema. Of two builds that find it missing, PostgreSQL's `if not exists` lets
    one fail.
#}
{% macro postgres__create_schema(relation) -%}
    {%- call statement('create_schema') -%}
        select pg_advisory_xact_lock(hashtext('hirehouse'), 0);
        create schema if not exists {{ relation.without_identifier().include(database=False) }}
    {%- endcall -%}
{%- endmacro %}

{% macro redshift__create_schema(relation) -%}
    {{ return(default__create_schema(relation)) }}
{%- endmacro %}
