{#
    Drops the tables and views that models and seeds of older versions have left behind, and names
    each: relations in the schemas of this project that no model or seed builds any more. The
    schemas belong to the project, so relations that someone else has put there are dropped, too;
    landed events stay.

        dbt run-operation drop_leftovers --args '{dry_run: true}'

    Argument: whether to only name them.
#}
{% macro drop_leftovers(dry_run=false) %}
    {%- set kept = ['model_progress'] -%}
    {%- set made, schemas = [], [] -%}
    {%- for node in graph.nodes.values() if node.resource_type in ('model', 'seed', 'snapshot') -%}
        {%- do made.append((node.schema, node.alias)) -%}
        {%- if node.schema != 'landed' and node.schema not in schemas -%}
            {%- do schemas.append(node.schema) -%}
        {%- endif -%}
    {%- endfor -%}
    {#- Views first: DuckDB drops no table that a view still reads. -#}
    {%- set found = run_query(
        "select table_schema, table_name, table_type from information_schema.tables"
        ~ " where table_catalog = current_database() and table_type in ('BASE TABLE', 'VIEW')"
        ~ " and table_schema in ('" ~ schemas | join("', '") ~ "')"
        ~ " order by table_type desc, table_schema, table_name"
    ).rows -%}
    {%- set dropped = [] -%}
    {#- dbt does not commit the changes of an operation. -#}
    {%- do run_query('begin') if not dry_run -%}
    {%- for schema, name, kind in found if (schema, name) not in made and name not in kept -%}
        {%- set type = 'view' if kind == 'VIEW' else 'table' -%}
        {%- set place = adapter.quote(schema) ~ '.' ~ adapter.quote(name) -%}
        {%- do dropped.append(place) -%}
        {%- if not dry_run -%}
            {%- do run_query('drop ' ~ type ~ ' if exists ' ~ place ~ ' cascade') -%}
        {%- endif -%}
        {%- do log(
            ('would drop ' if dry_run else 'dropped ') ~ type ~ ' ' ~ schema ~ '.' ~ name, info=true
        ) -%}
    {%- endfor -%}
    {%- do run_query('commit') if not dry_run -%}
    {%- do log('nothing is left of older versions', info=true) if not dropped -%}
{% endmacro %}
