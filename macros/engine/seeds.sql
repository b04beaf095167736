{#
    How dbt empties a seed before it reloads it. PostgreSQL's truncate waits for all readers of the
    table, and readers with an older snapshot see it empty; Redshift's commits immediately.
#}
{% macro postgres__truncate_relation(relation) -%}
    {%- call statement('truncate_relation') -%}
        delete from {{ relation }}
    {%- endcall -%}
{%- endmacro %}

{#
    How dbt creates the table of a seed, or replaces it with `--full-refresh`: a table that another
    build has created meanwhile is emptied; a replaced one is renamed, so that views can be kept.
#}
{% macro postgres__create_csv_table(model, agate_table) %}
    {%- set made = load_cached_relation(this) -%}
    {%- if made -%}
        {%- do adapter.truncate_relation(made) -%}
        {{ return('') }}
    {%- endif -%}
    {{ return(default__create_csv_table(model, agate_table)) }}
{% endmacro %}

{% macro redshift__create_csv_table(model, agate_table) %}
    {{ return(default__create_csv_table(model, agate_table)) }}
{% endmacro %}

{% macro postgres__reset_csv_table(model, full_refresh, old_relation, agate_table) %}
    {%- if not full_refresh -%}
        {{ return(default__reset_csv_table(model, full_refresh, old_relation, agate_table)) }}
    {%- endif -%}
    {%- set backup = make_backup_relation(old_relation, 'table') -%}
    {%- do adapter.drop_relation(backup) -%}
    {%- do adapter.rename_relation(old_relation, backup) -%}
    {{ return(default__create_csv_table(model, agate_table)) }}
{% endmacro %}

{% macro redshift__reset_csv_table(model, full_refresh, old_relation, agate_table) %}
    {{ return(default__reset_csv_table(model, full_refresh, old_relation, agate_table)) }}
{% endmacro %}

{# Drops the table that a seed has replaced. #}
{% macro drop_replaced_seed() -%}
    {%- if execute and target.type == 'postgres' -%}
        {%- do adapter.drop_relation(make_backup_relation(this, 'table')) -%}
    {%- endif -%}
{%- endmacro %}
