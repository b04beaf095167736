{#
    Blue-green deployment: the marts of a changed project are built in schemas of their own, beside
    those of production, then compared, then swapped in one transaction; docs/production.md has the
    steps. A prefix is what HIREHOUSE_SCHEMA was when the schemas were built: with `green`, the
    counterpart of `core` is `green_core`.
#}

{# The schemas that production's models and seeds are in. #}
{% macro schemas_of_production() %}
    {%- if target.schema != 'analytics' -%}
        {%- do exceptions.raise_compiler_error(
            'This is about production: unset HIREHOUSE_SCHEMA, which is ' ~ target.schema ~ '.'
        ) -%}
    {%- endif -%}
    {{ return(
        graph.nodes.values() | selectattr('resource_type', 'in', ['model', 'seed'])
        | map(attribute='schema') | unique | sort
    ) }}
{% endmacro %}

{#
    Compares each mart of production with its counterpart, in the columns that both have, and logs
    the marts that differ. Fails if other marts differ than those of `expected`.

        dbt run-operation compare_schemas --args '{prefix: green, expected: [fct_offers]}'
#}
{% macro compare_schemas(prefix, expected=[]) %}
    {%- do schemas_of_production() -%}
    {%- set surprising = [] -%}
    {%- for node in graph.nodes.values() | sort(attribute='unique_id')
        if node.resource_type == 'model' and node.fqn[1] == 'marts' -%}
        {%- set here = adapter.get_relation(node.database, node.schema, node.alias) -%}
        {%- set there = adapter.get_relation(
            node.database, prefix ~ '_' ~ node.schema, node.alias
        ) -%}
        {%- set said = difference_of(here, there) if here and there
            else 'is only in production' if here else 'is new' if there -%}
        {%- if said -%}
            {%- do log(node.schema ~ '.' ~ node.alias ~ ': ' ~ said, info=true) -%}
            {%- do surprising.append(node.alias) if node.alias not in expected -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if surprising -%}
        {%- do exceptions.raise_compiler_error(
            'Marts differ that should not: ' ~ surprising | join(', ')
        ) -%}
    {%- endif -%}
    {%- do log('all other marts are equal', info=true) -%}
{% endmacro %}

{# How two relations differ in the columns that both have; empty if they do not. #}
{% macro difference_of(here, there) %}
    {%- set columns = [] -%}
    {%- for relation in (here, there) -%}
        {%- do columns.append(
            run_query('select * from ' ~ relation.include(database=false) ~ ' where 1 = 0').column_names
        ) -%}
    {%- endfor -%}
    {%- set shared = columns[0] | select('in', columns[1]) | map('upper') | join(', ') | lower -%}
    {%- set counts = [] -%}
    {%- for one, other in ((here, there), (there, here)) -%}
        {%- set rows = run_query(
            'select count(*) as row_count, (select count(*) from (select ' ~ shared
            ~ ' from ' ~ one.include(database=false) ~ ' except select ' ~ shared
            ~ ' from ' ~ other.include(database=false) ~ ') as alone) as alone from '
            ~ one.include(database=false)
        ).rows[0] -%}
        {%- do counts.append((rows[0], rows[1])) -%}
    {%- endfor -%}
    {%- set said = [] -%}
    {%- if counts[0][0] != counts[1][0] or counts[0][1] or counts[1][1] -%}
        {%- do said.append(
            counts[0][0] ~ ' rows, and ' ~ counts[1][0] ~ ' in ' ~ there.schema ~ '; '
            ~ counts[0][1] ~ ' are only here, ' ~ counts[1][1] ~ ' only there'
        ) -%}
    {%- endif -%}
    {%- set added = columns[1] | reject('in', columns[0]) | list -%}
    {%- set removed = columns[0] | reject('in', columns[1]) | list -%}
    {%- do said.append('new columns ' ~ added | join(', ')) if added -%}
    {%- do said.append('columns left out ' ~ removed | join(', ')) if removed -%}
    {{ return(said | join('; ')) }}
{% endmacro %}

{#
    Puts the schemas with a prefix in the place of production's, which get the prefix `old`. Fails,
    and changes nothing, if a schema is missing or if a model is less far than production's.

        dbt run-operation swap_schemas --args '{prefix: green, readers: analysts}'

    Arguments: readers, the group or role that may read marts and seeds, as in deploy/roles.sql.
#}
{% macro swap_schemas(prefix, readers, old='previous') %}
    {%- set schemas = schemas_of_production() -%}
    {%- if target.type == 'duckdb' -%}
        {%- do exceptions.raise_compiler_error(
            'DuckDB renames no schemas: swap files instead; see docs/production.md.'
        ) -%}
    {%- endif -%}
    {%- for schema in schemas -%}
        {%- for needed in (schema, prefix ~ '_' ~ schema)
            if not adapter.check_schema_exists(target.database, needed) -%}
            {%- do exceptions.raise_compiler_error(
                'There is no schema ' ~ needed ~ ': build all models with HIREHOUSE_SCHEMA=' ~ prefix
            ) -%}
        {%- endfor -%}
        {%- if adapter.check_schema_exists(target.database, old ~ '_' ~ schema) -%}
            {%- do exceptions.raise_compiler_error(
                'There is a schema ' ~ old ~ '_' ~ schema ~ ' already: drop it with `dbt run-operation'
                ~ ' drop_schemas --args \'{prefix: ' ~ old ~ '}\'`, or choose another name for `old`'
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do check_progress(prefix) -%}
    {%- set own = ['staging', 'intermediate'] -%}
    {%- set read = schemas | reject('in', own) | join(', ') -%}
    {#- dbt does not commit the changes of an operation. -#}
    {%- do run_query('begin') -%}
    {%- for schema in schemas -%}
        {%- do run_query('alter schema ' ~ schema ~ ' rename to ' ~ old ~ '_' ~ schema) -%}
        {%- do run_query('alter schema ' ~ prefix ~ '_' ~ schema ~ ' rename to ' ~ schema) -%}
    {%- endfor -%}
    {%- set group = ' to group ' ~ adapter.quote(readers) -%}
    {%- do run_query('grant usage on schema ' ~ read ~ group) -%}
    {%- do run_query('grant select on all tables in schema ' ~ read ~ group) -%}
    {%- do run_query(
        'alter default privileges in schema ' ~ read ~ ' grant select on tables' ~ group
    ) -%}
    {%- do run_query('commit') -%}
    {%- do log('production is what ' ~ prefix ~ ' was, and is kept as ' ~ old, info=true) -%}
{% endmacro %}

{# An error if a model is less far in the schemas of a prefix than in production's. #}
{% macro check_progress(prefix) %}
    {%- set names = [] -%}
    {%- for node in graph.nodes.values()
        if node.resource_type == 'model' and node.config.materialized == 'incremental' -%}
        {%- do names.append(model_key(node)) -%}
    {%- endfor -%}
    {%- set table = progress_table().include(database=false) -%}
    {%- set behind = run_query(
        'select built.model from ' ~ table.incorporate(path={'schema': prefix ~ '_' ~ table.schema})
        ~ ' as built left join ' ~ table ~ ' as known on built.model = known.model'
        ~ ' where coalesce(built.batch_id, -1) < coalesce(known.batch_id, case when known.model is'
        ~ " null then 0 else -1 end) and built.model in ('" ~ names | join("', '") ~ "')"
        ~ ' order by built.model'
    ).columns[0].values() -%}
    {%- if behind -%}
        {%- do exceptions.raise_compiler_error(
            behind | length ~ ' models are less far than in production, such as ' ~ behind[0]
            ~ ': stop `hirehouse run`, then build all models with HIREHOUSE_SCHEMA=' ~ prefix
        ) -%}
    {%- endif -%}
{% endmacro %}

{# Drops all schemas with a prefix, and what is in them. #}
{% macro drop_schemas(prefix) %}
    {%- for schema in schemas_of_production() -%}
        {%- do run_query('begin') if loop.first -%}
        {%- do run_query('drop schema if exists ' ~ prefix ~ '_' ~ schema ~ ' cascade') -%}
        {%- do run_query('commit') if loop.last -%}
    {%- endfor -%}
{% endmacro %}
