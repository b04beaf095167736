{#
    numerator / denominator to four decimals, rounded half up; null if the denominator is 0.

    Integer arithmetic only: engines divide numerics to different scales, and the last digits of
    floats differ. Both arguments are counts or whole amounts (no negative numbers); the type has
    four decimals.
#}
{% macro ratio(numerator, denominator, type='numeric(9, 4)') -%}
    {#- Sums of integers are no integers on every engine. -#}
    {%- set whole = 'cast(' ~ denominator ~ ' as bigint)' -%}
    cast(
        (cast({{ numerator }} as bigint) * 20000 + {{ whole }}) / nullif({{ whole }} * 2, 0)
        * cast(0.0001 as numeric(9, 4)) as {{ type }}
    )
{%- endmacro %}
