{#
    The percentile by nearest rank: the smallest value that at least `percent` per cent of the values
    do not exceed. It is always one of the values, so no engine can round it differently.

    Arguments: the value's column, the percent (1 to 100), and two columns of the same rows: the
    value's rank in its group from 1, and the number of values in the group.
#}
{% macro percentile(value, percent, value_rank='value_rank', value_count='value_count') -%}
    max(
        case when {{ value_rank }} = ({{ value_count }} * {{ percent }} + 99) / 100 then {{ value }} end
    )
{%- endmacro %}
