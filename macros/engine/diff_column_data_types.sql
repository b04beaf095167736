{#
    The columns whose type differs between the new rows and their table, as dbt finds them, but for
    the lengths of texts. A contract gives the table its lengths, and PostgreSQL gives none to many
    expressions, which dbt takes for another type. A text that is too long fails when it is inserted.
#}
{% macro default__diff_column_data_types(source_columns, target_columns) %}
    {%- set texts = [] -%}
    {%- for column in target_columns if column.is_string() -%}
        {%- do texts.append(column.name) -%}
    {%- endfor -%}
    {%- set compared = [] -%}
    {%- for column in source_columns if not (column.is_string() and column.name in texts) -%}
        {%- do compared.append(column) -%}
    {%- endfor -%}
    {{ return(dbt.default__diff_column_data_types(compared, target_columns)) }}
{% endmacro %}
