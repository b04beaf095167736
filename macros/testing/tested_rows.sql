{#
    The batch after which data tests look at rows, as a literal: they test the batches committed in
    the `test_days` (a var) before the newest one, or all rows if that is 0, as in nightly tests.
#}
{% macro tested_after() -%}
    {%- if not execute or not var('test_days') -%}
        {{ return(0) }}
    {%- endif -%}
    {%- set batches = source('landing', 'batches') -%}
    {%- if not load_relation(batches) -%}
        {{ return(0) }}
    {%- endif -%}
    {%- set newest -%}
        cast((select max(committed_at) from {{ batches }}) as timestamp)
    {%- endset -%}
    {%- set older = run_query(
        'select coalesce(max(batch_id), 0) from ' ~ batches
        ~ ' where committed_at < ' ~ dbt.dateadd('day', -var('test_days'), newest)
    ) -%}
    {{ return(older.rows[0][0]) }}
{%- endmacro %}

{#
    What a data test reads. `where: tested rows` in its config means the rows of the batches after
    tested_after(). In a view without a batch column, it means the rows with the keys that such rows
    have in the inputs of the view. dbt handles any other condition.
#}
{% macro get_where_subquery(relation) -%}
    {%- if config.get('where') != 'tested rows' -%}
        {{ return(adapter.dispatch('get_where_subquery', 'dbt')(relation)) }}
    {%- endif -%}
    {%- set condition = is_tested(model.attached_node) -%}
    {{ return('(select * from ' ~ relation ~ ' where ' ~ condition ~ ') as tested') }}
{%- endmacro %}

{#
    The condition on the rows of a model that a data test reads. It reads all rows of a table
    without a batch column, and of a view whose inputs have keys that it does not show. Argument:
    the id of the model.
#}
{% macro is_tested(id) -%}
    {%- set everything = '1 = 1' -%}
    {%- set after = tested_after() -%}
    {%- if not after -%}
        {{ return(everything) }}
    {%- endif -%}
    {%- set tested = graph.nodes[id] -%}
    {%- set new_rows = 'batch_id > ' ~ after -%}
    {%- if 'batch_id' in tested.columns -%}
        {{ return(new_rows) }}
    {%- endif -%}
    {%- if tested.config.materialized != 'view' -%}
        {{ return(everything) }}
    {%- endif -%}
    {%- set inputs = {} -%}
    {%- for input_id in tested.depends_on.nodes if input_id.startswith('model.') -%}
        {%- set input = graph.nodes[input_id] -%}
        {%- set key = input.config.unique_key -%}
        {%- if key is not string or key not in tested.columns -%}
            {{ return(everything) }}
        {%- endif -%}
        {%- do inputs.setdefault(key, []).append(
            'select ' ~ key ~ ' from ' ~ input.relation_name ~ ' where ' ~ new_rows
        ) -%}
    {%- endfor -%}
    {%- set conditions = [] -%}
    {%- for key, queries in inputs.items() -%}
        {%- do conditions.append(key ~ ' in (' ~ queries | join(' union all ') ~ ')') -%}
    {%- endfor -%}
    {{ return(conditions | join(' or ')) }}
{%- endmacro %}

{#
    Whether these models exist, and this run builds all of them or none: a test that compares them
    would otherwise find that one has read more batches than the other. Argument: their names.
#}
{% macro is_built_together(names) -%}
    {%- set built = [] -%}
    {%- for name in names if 'model.' ~ project_name ~ '.' ~ name in selected_resources -%}
        {%- do built.append(name) -%}
    {%- endfor -%}
    {{ return(is_built(names) and built | length in (0, names | length)) }}
{%- endmacro %}

{#
    Whether these models and seeds exist in the database. dbt runs a test as soon as one of its
    inputs is selected, and after a partial first build the others may be missing. Argument: their
    names.
#}
{% macro is_built(names) -%}
    {%- set there = [] -%}
    {%- for node in graph.nodes.values() if node.name in names and has_relation(node) -%}
        {%- do there.append(node.name) -%}
    {%- endfor -%}
    {{ return(there | length == names | length) }}
{%- endmacro %}
