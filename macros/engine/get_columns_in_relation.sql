{#
    dbt's query for the columns of a table, which it runs three times for each incremental model.
    dbt's own version reads information_schema.columns, a view over all privileges and types that
    costs PostgreSQL more than most of our models do. The result is the same.
#}
{% macro postgres__get_columns_in_relation(relation) -%}
    {%- call statement('get_columns_in_relation', fetch_result=True) %}
        select
            attribute.attname as column_name,
            format_type(attribute.atttypid, null) as data_type,
            information_schema._pg_char_max_length(attribute.atttypid, attribute.atttypmod)
                as character_maximum_length,
            information_schema._pg_numeric_precision(attribute.atttypid, attribute.atttypmod)
                as numeric_precision,
            information_schema._pg_numeric_scale(attribute.atttypid, attribute.atttypmod)
                as numeric_scale
        from pg_attribute as attribute
        inner join pg_class as relation on attribute.attrelid = relation.oid
        inner join pg_namespace as namespace on relation.relnamespace = namespace.oid
        where
            relation.relname = '{{ relation.identifier }}'
            {%- if relation.schema %}
            and namespace.nspname = '{{ relation.schema }}'
            {%- endif %}
            and relation.relkind in ('r', 'v', 'm', 'f', 'p')
            and not pg_is_other_temp_schema(namespace.oid)
            and attribute.attnum > 0
            and not attribute.attisdropped
        order by attribute.attnum
    {%- endcall %}
    {{- return(sql_convert_columns_in_relation(load_result('get_columns_in_relation').table)) }}
{%- endmacro %}

{# dbt would find postgres__ in this project before it looks into the package of Redshift. #}
{% macro redshift__get_columns_in_relation(relation) -%}
    {{ return(dbt.redshift__get_columns_in_relation(relation)) }}
{%- endmacro %}
