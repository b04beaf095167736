{#
    The rows of an input that this model has not seen: those of batches after its own last one.
    In a full refresh, all of them. Argument: the input's alias, where its column needs one.
#}
{% macro is_new(alias=none) -%}
    {%- if is_incremental() -%}
        {{ alias ~ '.' if alias }}batch_id > {{ last_batch() }}
    {%- else -%}
        1 = 1
    {%- endif -%}
{%- endmacro %}

{#
    This model's last batch as a literal: engines skip blocks by a bare column against a literal.
    `model` is of this one rendering, so the database is asked once for it.
#}
{% macro last_batch() -%}
    {%- if 'last_batch' not in model -%}
        {%- set last = run_query('select coalesce(max(batch_id), 0) from ' ~ this).rows[0][0] -%}
        {%- do model.update({'last_batch': last}) -%}
    {%- endif -%}
    {{ model.last_batch }}
{%- endmacro %}

{#
    The times that some rows of a table span, as a condition on `occurred_at` against literals.
    Arguments: the table, and a condition on its rows.
#}
{% macro in_range(relation, condition) -%}
    {%- set span = run_query(
        'select min(occurred_at), max(occurred_at) from ' ~ relation ~ ' where ' ~ condition
    ).rows[0] -%}
    {%- if span[0] is none -%}
        1 = 0
    {%- else -%}
        occurred_at between cast('{{ span[0] }}' as timestamp) and cast('{{ span[1] }}' as timestamp)
    {%- endif -%}
{%- endmacro %}
