{#
    The rows of an input that this model has not seen: those of batches after its own last one.
    In a full refresh, all of them. Argument: the input's alias, where its column needs one.
#}
{% macro is_new(alias=none) -%}
    {%- set batch_id = (alias ~ '.' if alias else '') ~ 'batch_id' -%}
    {%- if is_incremental() -%}
        {{ batch_id }} > (select coalesce(max(own.batch_id), 0) from {{ this }} as own)
    {%- else -%}
        1 = 1
    {%- endif -%}
{%- endmacro %}
