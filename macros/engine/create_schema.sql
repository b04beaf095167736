{#
    How dbt creates a schema. If two builds find it missing, one of them fails in spite of
    PostgreSQL's `if not exists`, hence the lock.
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
