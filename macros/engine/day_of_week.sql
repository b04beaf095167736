{# Day of the week from 1 (Monday) to 7 (Sunday): engines start to count on different days. #}
{% macro day_of_week(day) -%}
    {{ return(adapter.dispatch('day_of_week', 'hirehouse')(day)) }}
{%- endmacro %}

{% macro default__day_of_week(day) -%}
    cast(extract(isodow from {{ day }}) as integer)
{%- endmacro %}

{% macro redshift__day_of_week(day) -%}
    cast(mod(cast(extract(dow from {{ day }}) as integer) + 6, 7) + 1 as integer)
{%- endmacro %}
