{#
    Lets one build at a time work on a model or a seed, from the first look at its inputs until dbt
    has put it in place; another build waits, and names the process that it waits for. A second call
    does nothing.
#}
{% macro take_turn() %}
    {%- if execute and flags.WHICH in ('run', 'build', 'seed') and 'has_turn' not in context -%}
        {%- if model.resource_type in ('model', 'seed') -%}
            {%- do context.update({'has_turn': true}) -%}
            {%- do adapter.dispatch('take_turn', 'hirehouse')() -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{# One process at a time can open a DuckDB file, and dbt builds a model once per run. #}
{% macro default__take_turn() %}{% endmacro %}

{# Redshift has no such lock; record_progress() rejects the slower one of two builds. #}
{% macro redshift__take_turn() %}{% endmacro %}

{% macro postgres__take_turn() %}
    {%- set lock = "hashtext('hirehouse'), hashtext('" ~ this.schema ~ '.' ~ this.identifier ~ "')" -%}
    {#- Held until the connection closes, at the end of the node: a commit does not release it. -#}
    {%- if not run_query('select pg_try_advisory_lock(' ~ lock ~ ')').rows[0][0] -%}
        {%- set others -%}
            select coalesce(string_agg(activity.usename || ', process ' || activity.pid, '; '), '?')
            from pg_locks as locks
            inner join pg_stat_activity as activity on locks.pid = activity.pid
            where
                locks.locktype = 'advisory'
                and locks.granted
                and locks.classid = cast(cast(hashtext('hirehouse') as bit(32)) as bigint)
                and locks.objid
                = cast(cast(hashtext('{{ this.schema }}.{{ this.identifier }}') as bit(32)) as bigint)
        {%- endset -%}
        {%- do log(
            'waiting for another build (' ~ run_query(others).rows[0][0] ~ ') of ' ~ this, info=True
        ) -%}
        {%- do run_query('select pg_advisory_lock(' ~ lock ~ ')') -%}
    {%- endif -%}
    {%- do look_again() -%}
{% endmacro %}

{#
    dbt caches the model's relations at the start of its run: another build may have created,
    replaced or dropped them since, or may have been about to.
#}
{% macro look_again() %}
    {%- set relations = [
        this, make_intermediate_relation(this), make_backup_relation(this, 'table')
    ] -%}
    {%- set names = relations | map(attribute='identifier') | join("', '") -%}
    {%- set kinds = {} -%}
    {%- for row in run_query(
        'select classes.relname, classes.relkind from pg_class as classes'
        ~ ' inner join pg_namespace as namespaces on classes.relnamespace = namespaces.oid'
        ~ " where namespaces.nspname = '" ~ this.schema ~ "'"
        ~ " and classes.relname in ('" ~ names ~ "')"
    ).rows -%}
        {%- do kinds.update({row[0]: {'r': 'table', 'v': 'view'}.get(row[1])}) -%}
    {%- endfor -%}
    {%- for relation in relations -%}
        {%- set known = load_cached_relation(relation) -%}
        {%- set type = kinds.get(relation.identifier) -%}
        {%- if type != (known.type if known else none) -%}
            {%- if known -%}{%- do adapter.cache_dropped(known) -%}{%- endif -%}
            {%- if type -%}{%- do adapter.cache_added(relation.incorporate(type=type)) -%}{%- endif -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
