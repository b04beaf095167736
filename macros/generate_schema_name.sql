{#
    The target schema `analytics` is production: models are built in the schemas that they name
    (core, marketplace). Any other target schema is a developer's, and becomes a prefix
    (dev_ana_core).
#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if custom_schema_name is none -%}
        {{ target.schema }}
    {%- elif target.schema == 'analytics' -%}
        {{ custom_schema_name | trim }}
    {%- else -%}
        {{ target.schema }}_{{ custom_schema_name | trim }}
    {%- endif -%}
{%- endmacro %}
