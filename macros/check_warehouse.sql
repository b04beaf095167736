{#
    Before a run: stops it where it would give wrong results or only an error of the database's, and
    makes sure that a build can write down the progress of each incremental model.
#}
{% macro check_warehouse() -%}
    {%- if execute -%}
        {%- do adapter.dispatch('check_database', 'hirehouse')() -%}
        {%- do check_version() -%}
        {%- if flags.WHICH in ('run', 'build') -%}{%- do note_models() -%}{%- endif -%}
    {%- endif -%}
{%- endmacro %}

{% macro default__check_database() -%}{%- endmacro %}

{% macro redshift__check_database() -%}{%- endmacro %}

{# Text sorts and days begin as on the other engines only with C collation and UTC. #}
{% macro postgres__check_database() -%}
    {%- set found = run_query(
        "select datcollate, current_setting('TimeZone') from pg_database"
        " where datname = current_database()"
    ).rows[0] -%}
    {%- if found[0] not in ('C', 'POSIX') or found[1] not in ('UTC', 'Etc/UTC') -%}
        {%- do exceptions.raise_compiler_error(
            'The database has collation ' ~ found[0] ~ ' and time zone ' ~ found[1]
            ~ ': make one with C collation and UTC, as the README tells.'
        ) -%}
    {%- endif -%}
{%- endmacro %}

{# Older versions landed into the schema `raw`. #}
{% macro check_version() -%}
    {%- set found = run_query(
        "select table_schema from information_schema.tables"
        " where table_name = 'batches' and table_schema in ('raw', 'landed')"
        " and table_catalog = '" ~ target.database ~ "'"
    ).columns[0].values() | list -%}
    {%- if found == ['raw'] -%}
        {%- do exceptions.raise_compiler_error(
            'This warehouse was made by an older version. Run `hirehouse upgrade`, then'
            ~ ' `dbt build --full-refresh`; see docs/upgrading.md.'
        ) -%}
    {%- endif -%}
{%- endmacro %}

{# Gives each incremental model its row in `model_progress`; `batch_id` is null until it is built. #}
{% macro note_models() -%}
    {%- set table = progress_table() -%}
    {%- set models = graph.nodes.values()
        | selectattr('resource_type', 'equalto', 'model')
        | selectattr('config.materialized', 'equalto', 'incremental') | list -%}
    {%- set known = {} -%}
    {%- if load_cached_relation(table) -%}
        {%- for row in run_query('select model, batch_id from ' ~ table).rows -%}
            {%- do known.update({row[0]: row[1]}) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- set missing = models | map(attribute='name') | reject('in', known) | list -%}
    {%- if missing -%}
        {%- do make_progress_table(table) -%}
        {%- call statement('note_models') -%}
            insert into {{ table }} (model)
            select cast(names.name as varchar(255)) as model
            from (
                {%- for name in missing %}
                select '{{ name }}' as name {{- ' union all' if not loop.last }}
                {%- endfor %}
            ) as names
            where names.name not in (select progress.model from {{ table }} as progress)
        {%- endcall -%}
        {%- do adapter.commit() -%}
    {%- endif -%}
    {%- for node in models if known.get(node.name) is none and not flags.FULL_REFRESH -%}
        {%- if load_cached_relation(api.Relation.create(node.database, node.schema, node.alias)) -%}
            {%- do exceptions.raise_compiler_error(
                node.schema ~ '.' ~ node.alias ~ ' was built by an older version, which kept no'
                ~ ' record of what it had read. Run `dbt build --full-refresh`; see'
                ~ ' docs/upgrading.md.'
            ) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}

{% macro make_progress_table(table) -%}
    {%- do create_schema(table) -%}
    {%- call statement('make_progress_table') -%}
        {#- PostgreSQL lets one of two that find it missing fail. -#}
        {{ "select pg_advisory_xact_lock(hashtext('hirehouse'), 0);" if target.type == 'postgres' }}
        create table if not exists {{ table }} (
            model varchar(255) not null,
            batch_id bigint,
            reads_to bigint,
            built_by varchar(64)
        )
    {%- endcall -%}
    {%- do adapter.cache_added(table) -%}
{%- endmacro %}
