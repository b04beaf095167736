{#
    Points the views on a table or view that dbt has just replaced to the new one, in the same
    transaction: PostgreSQL would drop them together with the old one, `x__dbt_backup`. A view that
    does not fit the new columns is still dropped, until its own model is built.
#}
{% macro keep_views() -%}
    {%- if execute -%}{{ return(adapter.dispatch('keep_views', 'hirehouse')()) }}{%- endif -%}
{%- endmacro %}

{% macro default__keep_views() -%}{%- endmacro %}

{% macro redshift__keep_views() -%}{%- endmacro %}

{% macro postgres__keep_views() -%}
    {%- set replaced = this.identifier ~ '__dbt_backup' -%}
    do $$
    declare
        dependent record;
    begin
        for dependent in
            select distinct
                views.oid,
                cast(cast(views.oid as regclass) as text) as name,
                replace(pg_get_viewdef(views.oid), '{{ replaced }}', '{{ this.identifier }}')
                    as definition
            from pg_depend as dependencies
            inner join pg_rewrite as rules on dependencies.objid = rules.oid
            inner join pg_class as views on rules.ev_class = views.oid
            where
                dependencies.classid = cast('pg_rewrite' as regclass)
                and dependencies.refobjid = to_regclass('"{{ this.schema }}"."{{ replaced }}"')
                and views.oid <> dependencies.refobjid
        loop
            begin
                execute 'create or replace view ' || dependent.name || ' as ' || dependent.definition;
            exception when others then
                null;
            end;
        end loop;
    end
    $$
{%- endmacro %}
