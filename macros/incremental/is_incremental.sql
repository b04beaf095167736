{#
    dbt's own `is_incremental`, which looks among all relations of the schema, once per model: some
    models ask it fifteen times.
#}
{% macro is_incremental() %}
    {%- do take_turn() -%}
    {%- if 'incremental' not in context -%}
        {%- do context.update({'incremental': dbt.is_incremental()}) -%}
    {%- endif -%}
    {{ return(context['incremental']) }}
{% endmacro %}
