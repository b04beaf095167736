{#
    PostgreSQL drops the views on a table or view together with it, and dbt replaces a relation by
    renaming it to `x__dbt_backup` and dropping that. So before the drop, views on it are pointed to
    the new one. A view that does not fit the new columns is still dropped, until its own model is
    built.
#}
{% macro postgres__drop_relation(relation) -%}
    {%- set suffix = '__dbt_backup' -%}
    {%- if relation.identifier.endswith(suffix) -%}
        {%- set new = relation.identifier[:-(suffix | length)] -%}
        {%- set views = run_query(
            'select distinct views.oid'
            ~ ' from pg_depend as dependencies'
            ~ ' inner join pg_rewrite as rules on dependencies.objid = rules.oid'
            ~ ' inner join pg_class as views on rules.ev_class = views.oid'
            ~ " where dependencies.classid = cast('pg_rewrite' as regclass)"
            ~ " and dependencies.refobjid = to_regclass('" ~ relation.include(database=false) ~ "')"
            ~ ' and views.oid <> dependencies.refobjid'
        ).rows if execute else [] -%}
        {#- Each in a transaction of its own, which begins without a lock: in the one that has
            replaced the relation, a reader of a view and of the relation below it would be in a
            deadlock with it. -#}
        {%- for view in views -%}
            {%- do run_query(point_view_to(view[0], relation.identifier, new)) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do default__drop_relation(relation) -%}
{%- endmacro %}

{# Else dbt would take the one of PostgreSQL, whose catalog Redshift does not have. #}
{% macro redshift__drop_relation(relation) -%}
    {%- do default__drop_relation(relation) -%}
{%- endmacro %}

{% macro point_view_to(view, old, new) -%}
    do $$
    begin
        -- Another build may point the same view to another relation that it reads.
        perform pg_advisory_xact_lock(hashtext('hirehouse views'), hashtext('{{ view }}'));
        execute 'create or replace view ' || cast(cast({{ view }} as regclass) as text) || ' as '
            || replace(pg_get_viewdef({{ view }}), '{{ old }}', '{{ new }}');
    -- The view is gone, or does not fit.
    exception when null_value_not_allowed or syntax_error_or_access_rule_violation then
        null;
    end;
    $$
{%- endmacro %}

{#
    Redshift, too, drops the views on a view together with it, and dbt replaces each view that it
    builds: a build of some models, or one in which a model fails, would leave none of the views on
    theirs. But Redshift can give a view another query, if its columns stay as they are; then all
    that reads it stays, and so do privileges. With other columns, dbt's own way has to do.
#}
{% materialization view, adapter='redshift' %}
    {%- set view = load_cached_relation(this) -%}
    {%- if not (view and view.is_view and has_columns_of(view, sql)) -%}
        {{ return(dbt.materialization_view_redshift()) }}
    {%- endif -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% call statement('main') %}{{ get_replace_view_sql(view, sql) }}{% endcall %}
    {%- do apply_grants(view, config.get('grants'), should_revoke=True) -%}
    {%- do persist_docs(view, model) -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [view]}) }}
{% endmaterialization %}

{# Whether a query has the columns of a view, in names, types and order. #}
{% macro has_columns_of(view, query) %}
    {%- set other = make_intermediate_relation(view) -%}
    {%- do run_query('drop view if exists ' ~ other) -%}
    {%- do run_query(get_create_view_as_sql(other, query)) -%}
    {%- set columns = {view.identifier: [], other.identifier: []} -%}
    {%- for row in run_query(
        'select classes.relname, attributes.attname,'
        ~ ' format_type(attributes.atttypid, attributes.atttypmod)'
        ~ ' from pg_class as classes'
        ~ ' inner join pg_namespace as namespaces on classes.relnamespace = namespaces.oid'
        ~ ' inner join pg_attribute as attributes on attributes.attrelid = classes.oid'
        ~ " where namespaces.nspname = '" ~ view.schema ~ "'"
        ~ " and classes.relname in ('" ~ columns.keys() | join("', '") ~ "')"
        ~ ' and attributes.attnum > 0 order by attributes.attnum'
    ).rows -%}
        {%- do columns[row[0]].append((row[1], row[2])) -%}
    {%- endfor -%}
    {%- do run_query('drop view ' ~ other) -%}
    {{ return(columns[view.identifier] == columns[other.identifier]) }}
{% endmacro %}
