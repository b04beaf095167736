{#
    The rows of an input that this model has not read yet, as a condition: for inputs whose rows
    never change. In a full build, all rows up to the last batch that it may read. Argument: the
    alias of the input, if the column needs one.
#}
{% macro is_new(alias=none) -%}
    {%- set column = alias ~ '.batch_id' if alias else 'batch_id' -%}
    {%- set read = progress() -%}
    {%- if is_incremental() %}{{ column }} > {{ read.after }}{% endif -%}
    {%- if is_incremental() and read.up_to is not none %} and {% endif -%}
    {%- if read.up_to is not none %}{{ column }} <= {{ read.up_to }}{% endif -%}
    {%- if not is_incremental() and read.up_to is none %}1 = 1{% endif -%}
{%- endmacro %}

{#
    The keys of all rows that have changed since this model read them: what it has to recompute.
    They include rows of batches beyond `up_to`; otherwise a group that such a row has left would
    still count it. Arguments: the column of the key and the names of the models.
#}
{% macro touched_keys(key, models) -%}
    {%- for name in models %}
    select {{ key }} from {{ ref(name) }} where {{ is_changed() }}
    {{- '\n    union' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{% macro is_changed(alias=none) -%}
    {%- set read = progress() -%}
    {%- if is_incremental() -%}
        {{ alias ~ '.' if alias }}batch_id > {{ read.after }}
    {%- else -%}
        1 = 1
    {%- endif -%}
{%- endmacro %}

{# The rows of the keys in the CTE `touched`, as a condition; in a full build, all rows. #}
{% macro is_touched(key, alias=none) -%}
    {%- if is_incremental() -%}
        {{ alias ~ '.' if alias }}{{ key }} in (select touched.{{ key }} from touched)
    {%- else -%}
        1 = 1
    {%- endif -%}
{%- endmacro %}

{#
    The first event of each key, with the latest batch of all its events as `last_batch_id`.

    Arguments: the model, the column of the key, and a condition on rows, such as is_touched(key).
#}
{% macro first_event(name, key, condition) -%}
    select * from (
        select
            events.*,
            row_number() over (
                partition by events.{{ key }} order by events.occurred_at, events.event_id
            ) as place,
            max(events.batch_id) over (partition by events.{{ key }}) as last_batch_id
        from {{ ref(name) }} as events
        where {{ condition }}
    ) as events
    where place = 1
{%- endmacro %}
