{#
    `model_progress`, a small table beside the staging models, records up to which batch each
    incremental model is complete. A model reads no further than the least progress of its inputs,
    and its own progress is written in the transaction that changes its rows. So models that are
    left out, fail, or are built at the same time delay numbers, and never falsify them.

    Returns for the model being rendered: `after`, the batch that it is complete up to (0 in a full
    build), and `up_to`, the last batch that it may read (none where that does not matter).
#}
{% macro progress() %}
    {%- if 'progress_read' in context -%}{{ return(context['progress_read']) }}{%- endif -%}
    {%- set read = {'after': 0, 'up_to': none} -%}
    {%- if execute and model.resource_type == 'model' -%}
        {%- do take_turn() -%}
        {%- if flags.WHICH in ('run', 'build') -%}
            {#- record_progress() reads from it what was read, even if inputs advance meanwhile. -#}
            {%- set row = update_progress(claim_progress(), 'batch_id, reads_to') -%}
        {%- elif load_cached_relation(progress_table()) -%}
            {%- set row = run_query(
                'select batch_id, reads_to from ' ~ progress_table()
                ~ " where model = '" ~ model_key(model) ~ "'"
            ).rows -%}
        {%- endif -%}
        {%- if row -%}
            {%- do read.update({'after': (row[0][0] or 0) if is_incremental() else 0}) -%}
            {%- do read.update({'up_to': row[0][1]}) -%}
        {%- endif -%}
    {%- endif -%}
    {%- do context.update({'progress_read': read}) -%}
    {{ return(read) }}
{% endmacro %}

{# What `model_progress` calls a model: its name and, if it has versions, its version. #}
{% macro model_key(node) %}
    {{ return(node.unique_id.split('.')[2:] | join('.')) }}
{% endmacro %}

{# The table in the schemas of this build, or in those that it defers to. #}
{% macro progress_table(deferred=false) %}
    {%- set batches = graph.nodes['model.' ~ project_name ~ '.stg_landing__batches'] -%}
    {{ return(api.Relation.create(
        database=target.database,
        schema=batches.defer_relation.schema if deferred else generate_schema_name('staging', none),
        identifier='model_progress',
        type='table'
    )) }}
{% endmacro %}

{# The update by which a build claims this model, and states up to which batch it reads. #}
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
    where model = '{{ model_key(model) }}'
{% endmacro %}

{#
    The incremental models that a model reads, directly or through views: the name of each, and
    whether it is read from the schemas that this build defers to.
#}
{% macro incremental_inputs(unique_id, deferred=false) %}
    {%- set found = [] -%}
    {%- for id in graph.nodes[unique_id].depends_on.nodes if id.startswith('model.') -%}
        {%- set input = graph.nodes[id] -%}
        {%- set elsewhere = deferred or is_deferred(input) -%}
        {%- if input.config.materialized == 'incremental' -%}
            {%- do found.append((model_key(input), elsewhere)) -%}
        {%- elif input.config.materialized == 'table' -%}
            {%- do exceptions.raise_compiler_error(
                unique_id ~ ' is incremental and reads ' ~ id ~ ', a table that is replaced as a'
                ~ ' whole: its rows have no batch, so there is no way to tell which of them are new'
            ) -%}
        {%- else -%}
            {%- do found.extend(incremental_inputs(id, elsewhere)) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found | unique | sort) }}
{% endmacro %}

{# Whether dbt's `--defer` reads a model from other schemas, by the same rules as `ref`. #}
{% macro is_deferred(node) %}
    {%- if not node.defer_relation -%}{{ return(false) }}{%- endif -%}
    {#- `flags` has neither of the two arguments. -#}
    {%- if invocation_args_dict.favor_state and node.unique_id not in selected_resources -%}
        {{ return(true) }}
    {%- endif -%}
    {{ return(not has_relation(node)) }}
{% endmacro %}

{#
    Runs after a model, in its transaction: records that it is complete up to what it has read. If
    another build has claimed the model meanwhile, this is an error, and the model stays as it was.
#}
{% macro record_progress() -%}
    {%- if execute and model.config.materialized == 'incremental' -%}
        {#- Of a model that another build has claimed, nothing changes but the lock on its row. -#}
        {%- set builder = update_progress(
            'update ' ~ progress_table() ~ " set batch_id = case when built_by = '" ~ invocation_id
            ~ "' then reads_to else batch_id end where model = '" ~ model_key(model) ~ "'",
            'built_by'
        )[0][0] -%}
        {%- if builder != invocation_id -%}
            {%- do exceptions.raise_compiler_error(
                'another build (dbt invocation ' ~ builder ~ ') works on ' ~ model.name
                ~ ' at the same time: nothing of this one was kept; run it again'
            ) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
