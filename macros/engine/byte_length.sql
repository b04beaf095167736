{# Bytes of a text as UTF-8; null for null. #}
{% macro byte_length(text) -%}
    {{ return(adapter.dispatch('byte_length', 'hirehouse')(text)) }}
{%- endmacro %}

{% macro default__byte_length(text) -%}
    octet_length({{ text }})
{%- endmacro %}

{# DuckDB's octet_length takes only a blob. #}
{% macro duckdb__byte_length(text) -%}
    strlen({{ text }})
{%- endmacro %}
