{#
    Up to which batch each incremental model is complete stands in `model_progress`, a small table
    beside the staging models. A model may read up to the least of its inputs' progress, and its own
    is written in the transaction that changes its rows. So whatever is left out, fails, or is built
    at the same time delays numbers, and never falsifies them.

    Gives, for the model that is rendered: `after`, the batch that it is complete up to (0 if it is
    built whole), and `up_to`, the last one that it may read (none where that does not matter).
#}
{% macro progress() %}
    {%- if 'progress_read' in context -%}{{ return(context['progress_read']) }}{%- endif -%}
    {%- set read = {'after': 0, 'up_to': none} -%}
    {%- if execute and model.resource_type == 'model' -%}
        {%- do take_turn() -%}
        {%- if flags.WHICH in ('run', 'build') -%}
            {#- record_progress() finds in it what was read, even if the inputs go on meanwhile. -#}
            {%- do run_query(claim_progress()) -%}
        {%- endif -%}
        {%- if load_cached_relation(progress_table()) -%}
            {%- set row = run_query(
                'select batch_id, reads_to from ' ~ progress_table()
                ~ " where model = '" ~ model.name ~ "'"
            ).rows -%}
            {%- do read.update({'after': (row[0][0] or 0) if row and is_incremental() else 0}) -%}
            {%- do read.update({'up_to': row[0][1] if row else none}) -%}
        {%- endif -%}
    {%- endif -%}
    {%- do context.update({'progress_read': read}) -%}
    {{ return(read) }}
{% endmacro %}

{# The table of this build's own schemas, or of those that it defers to. #}
{% macro progress_table(deferred=false) %}
    {%- set batches = graph.nodes['model.' ~ project_name ~ '.stg_landing__batches'] -%}
    {{ return(api.Relation.create(
        database=target.database,
        schema=batches.defer_relation.schema if deferred else generate_schema_name('staging', none),
        identifier='model_progress',
        type='table'
    )) }}
{% endmacro %}

{# The update by which a build says that it works on this model, and up to which batch. #}
{% macro claim_progress() %}
    {%- set inputs = incremental_inputs(model.unique_id) -%}
    update {{ progress_table() }} set
        built_by = '{{ invocation_id }}',
        reads_to = greatest(
            {{ 'coalesce(batch_id, 0)' if is_incremental() else 0 }},
            {%- if flags.EMPTY %} 0
            {%- elif inputs %} (
                select coalesce(min(coalesce(inputs.batch_id, 0)), 0)
                from (
                    {%- for deferred, found in inputs | groupby(1) %}
                    select batch_id from {{ progress_table(deferred) }}
                    where model in ('{{ found | map('first') | join("', '") }}')
                    {{- ' union all' if not loop.last }}
                    {%- endfor %}
                ) as inputs
            )
            {%- else %} (
                select coalesce(max(batches.batch_id), 0)
                from {{ source('landing', 'batches') }} as batches
                where batches.committed_at is not null
            )
            {%- endif %}
        )
    where model = '{{ model.name }}'
{% endmacro %}

{#
    The incremental models that a model reads, itself or by its views: the name of each, and whether
    it is read from the schemas that this build defers to.
#}
{% macro incremental_inputs(unique_id, deferred=false) %}
    {%- set found = [] -%}
    {%- for id in graph.nodes[unique_id].depends_on.nodes if id.startswith('model.') -%}
        {%- set input = graph.nodes[id] -%}
        {%- set elsewhere = deferred or is_deferred(input) -%}
        {%- if input.config.materialized == 'incremental' -%}
            {%- do found.append((input.name, elsewhere)) -%}
        {%- elif input.config.materialized == 'table' -%}
            {%- do exceptions.raise_compiler_error(
                unique_id ~ ' is incremental and reads ' ~ id ~ ', a table that is replaced as a'
                ~ ' whole: its rows tell no batch, so nobody could say which of them are new'
            ) -%}
        {%- else -%}
            {%- do found.extend(incremental_inputs(id, elsewhere)) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found | unique | sort) }}
{% endmacro %}

{# Whether dbt's `--defer` lets a model be read from other schemas, as `ref` decides it. #}
{% macro is_deferred(node) %}
    {%- if not flags.DEFER or not node.defer_relation -%}{{ return(false) }}{%- endif -%}
    {%- if flags.FAVOR_STATE and node.unique_id not in selected_resources -%}
        {{ return(true) }}
    {%- endif -%}
    {%- set own = api.Relation.create(node.database, node.schema, node.alias) -%}
    {{ return(load_cached_relation(own) is none) }}
{% endmacro %}

{#
    After a model, in its transaction: it is complete up to what it has read. An error, which leaves
    the model as it was, if another build has begun with it meanwhile.
#}
{% macro record_progress() -%}
    {%- if execute and model.config.materialized == 'incremental' -%}
        {%- do run_query(
            'update ' ~ progress_table() ~ ' set batch_id = reads_to'
            ~ " where model = '" ~ model.name ~ "' and built_by = '" ~ invocation_id ~ "'"
        ) -%}
        {%- set builder = run_query(
            'select built_by from ' ~ progress_table() ~ " where model = '" ~ model.name ~ "'"
        ).rows[0][0] -%}
        {%- if builder != invocation_id -%}
            {%- do exceptions.raise_compiler_error(
                'another build (dbt invocation ' ~ builder ~ ') works on ' ~ model.name
                ~ ' at the same time: nothing of this one was kept; run it again'
            ) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
