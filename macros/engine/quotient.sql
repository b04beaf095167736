{#
    numerator / denominator of whole numbers of up to 34 digits, none of them negative, rounded down
    to a whole numeric(38, 0); null if the denominator is 0. Engines divide numerics to different
    scales, and DuckDB as floats.
#}
{% macro quotient(numerator, denominator) -%}
    {{ return(adapter.dispatch('quotient', 'hirehouse')(numerator, denominator)) }}
{%- endmacro %}

{# The division may round up, by one at most. #}
{% macro default__quotient(numerator, denominator) -%}
    {%- set ratio -%}
        cast(cast({{ numerator }} as numeric(38, 0)) / nullif({{ denominator }}, 0) as numeric(38, 0))
    {%- endset -%}
    (case
        when {{ ratio }} * ({{ denominator }}) > {{ numerator }} then {{ ratio }} - 1
        else {{ ratio }}
    end)
{%- endmacro %}

{# Its division of whole numbers is exact, for up to 38 digits as hugeint. #}
{% macro duckdb__quotient(numerator, denominator) -%}
    cast(
        cast({{ numerator }} as hugeint) / nullif(cast({{ denominator }} as hugeint), 0)
        as numeric(38, 0)
    )
{%- endmacro %}
