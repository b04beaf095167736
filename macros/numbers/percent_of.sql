{#
    part / whole in whole percent, rounded down; null if the whole is 0. Both are whole numbers, none
    of them negative, and 100 times the part fits its type.
#}
{% macro percent_of(part, whole) -%}
    {{ part }} * 100 / nullif({{ whole }}, 0)
{%- endmacro %}
