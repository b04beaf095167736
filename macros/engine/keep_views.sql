{#
    Lets the views on a table or view that dbt has just replaced read the new one, in the same
    transaction: PostgreSQL would drop them together with the old one, `x__dbt_backup`. A view that
    does not fit the new columns is dropped all the same, until its own model is built.
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

{#
    How dbt replaces a seed of which `--full-refresh` is asked: so that its views can be kept, too.
#}
{% macro postgres__reset_csv_table(model, full_refresh, old_relation, agate_table) %}
    {%- if not full_refresh -%}
        {{ return(default__reset_csv_table(model, full_refresh, old_relation, agate_table)) }}
    {%- endif -%}
    {%- set backup = make_backup_relation(old_relation, 'table') -%}
    {%- do adapter.drop_relation(backup) -%}
    {%- do adapter.rename_relation(old_relation, backup) -%}
    {{ return(create_csv_table(model, agate_table)) }}
{% endmacro %}

{% macro redshift__reset_csv_table(model, full_refresh, old_relation, agate_table) %}
    {{ return(default__reset_csv_table(model, full_refresh, old_relation, agate_table)) }}
{% endmacro %}

{# After a seed: the table that it replaced goes, once its views read the new one. #}
{% macro drop_replaced_seed() -%}
    {%- if execute -%}drop table if exists {{ make_backup_relation(this, 'table') }}{%- endif -%}
{%- endmacro %}
