{#
    A whole number of units of 10^-digits as a numeric, rounded half away from zero to the scale of its
    type. Arguments: the number, of up to 20 digits; the digits; the precision and scale of the type.
#}
{% macro decimal_of(number, digits, precision, scale) -%}
    {%- set unit = 'cast(0.' ~ '0' * (digits - 1) ~ '1 as numeric(' ~ digits ~ ', ' ~ digits ~ '))' -%}
    cast(
        round(cast({{ number }} as numeric(20, 0)) * {{ unit }}, {{ scale }})
        as numeric({{ precision }}, {{ scale }})
    )
{%- endmacro %}
