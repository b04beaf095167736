{#
    The lower end of the band that a whole amount falls into: 40,000 for 47,000 in bands of 20,000.

    Arguments: the amount (no negative numbers) and the width of the bands.
#}
{% macro band(amount, width) -%}
    {{ amount }} / {{ width }} * {{ width }}
{%- endmacro %}
