{#
    Runs before each build: stops it if it would give wrong results or an obscure database error,
    and makes sure that the build can record the progress of each incremental model.
#}
{% macro check_warehouse() -%}
    {%- if execute -%}
        {%- do adapter.dispatch('check_database', 'hirehouse')() -%}
        {%- do check_version() -%}
        {%- if flags.WHICH in ('run', 'build') -%}{%- do note_models() -%}{%- endif -%}
    {%- endif -%}
{%- endmacro %}

{% macro default__check_database() -%}{%- endmacro %}

{# Models that are built at once all write to `model_progress`, which only snapshots allow. #}
{% macro redshift__check_database() -%}
    {%- set level = run_query(
        'select database_isolation_level from svv_redshift_databases'
        ~ " where database_name = '" ~ target.database ~ "'"
    ).columns[0].values() | first -%}
    {%- if level == 'Serializable' and target.threads > 1 -%}
        {%- do exceptions.raise_compiler_error(
            'The database has the isolation level SERIALIZABLE, under which models that are built at'
            ~ ' the same time fail with error 1023. Run `alter database ' ~ target.database
            ~ ' isolation level snapshot` as a superuser, or set `threads: 1`; see docs/redshift.md.'
        ) -%}
    {%- endif -%}
{%- endmacro %}

{# Only with C collation and UTC does text sort, and do days begin, as on the other engines. #}
{% macro postgres__check_database() -%}
    {%- set found = run_query(
        "select datcollate, current_setting('TimeZone') from pg_database"
        " where datname = current_database()"
    ).rows[0] -%}
    {%- if found[0] not in ('C', 'POSIX') or found[1] not in ('UTC', 'Etc/UTC') -%}
        {%- do exceptions.raise_compiler_error(
            'The database has collation ' ~ found[0] ~ ' and time zone ' ~ found[1]
            ~ ': create one with C collation and UTC; see docs/running.md.'
        ) -%}
    {%- endif -%}
{%- endmacro %}

{# Older versions landed events into the schema `raw`. #}
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

{# Adds a row per incremental model to `model_progress`; `batch_id` is null until it is built. #}
{% macro note_models() -%}
    {%- set table = progress_table() -%}
    {%- set models = [] -%}
    {#- dbt writes out a node when it is read, which takes its time: most nodes are tests. -#}
    {%- for id in graph.nodes if id.startswith('model.') -%}
        {%- set node = graph.nodes[id] -%}
        {%- do models.append(node) if node.config.materialized == 'incremental' -%}
    {%- endfor -%}
    {%- set known = {} -%}
    {%- if load_cached_relation(table) -%}
        {%- for row in run_query('select model, batch_id from ' ~ table).rows -%}
            {%- do known.update({row[0]: row[1]}) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- set missing = [] -%}
    {%- for node in models if model_key(node) not in known -%}
        {%- do missing.append(model_key(node)) -%}
    {%- endfor -%}
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
    {%- for node in models if known.get(model_key(node)) is none and not flags.FULL_REFRESH -%}
        {%- if load_cached_relation(api.Relation.create(node.database, node.schema, node.alias)) -%}
            {%- do exceptions.raise_compiler_error(
                'There is no record of what ' ~ node.schema ~ '.' ~ node.alias ~ ' has read: an'
                ~ ' older version built it, or a backfill has replaced a batch. Run'
                ~ ' `dbt build --full-refresh`; see docs/upgrading.md.'
            ) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}

{% macro make_progress_table(table) -%}
    {#- `if not exists` takes the right to create schemas even where there is one. -#}
    {%- if not adapter.check_schema_exists(table.database, table.schema) -%}
        {%- do create_schema(table) -%}
    {%- endif -%}
    {%- call statement('make_progress_table') -%}
        {#- If two builds find the table missing, PostgreSQL lets one of them fail. -#}
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
