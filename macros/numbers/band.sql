{#
    The lower end of the band that a whole amount falls into: 47,000 in bands of 20,000 is 40,000.

    Arguments: the amount (no negative numbers) and the bands' width.
#}
{% macro band(amount, width) -%}
    {{ amount }} / {{ width }} * {{ width }}
{%- endmacro %}
