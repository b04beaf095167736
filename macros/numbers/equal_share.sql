{#
    The share of one of some equal parts of a whole, in whole millionths: what the parts up to this
    one have together, rounded down, less what those before it have. So shares differ by a millionth
    at most, and add up to the whole.

    Arguments: the place of the part, from 1; the number of parts; the whole in millionths.
#}
{% macro equal_share(place, count, whole=1000000) -%}
    ({{ place }} * {{ whole }} / ({{ count }}) - ({{ place }} - 1) * {{ whole }} / ({{ count }}))
{%- endmacro %}
