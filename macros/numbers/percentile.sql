{#
    The percentile by nearest rank: the smallest value that at least `percent` per cent of the
    values do not exceed. It is always one of the values, so no engine can round it differently.

    Arguments: the column of the value, the percent (1 to 100), and two columns of the same rows:
    the rank of the value in its group, from 1, and the number of values in the group. If a row
    stands for several equal values: the rank of the last of them, and the column with their number.
#}
{% macro percentile(
    value, percent, value_rank='value_rank', value_count='value_count', value_times=none
) -%}
    {%- set wanted = '(' ~ value_count ~ ' * ' ~ percent ~ ' + 99) / 100' -%}
    max(
        case when
        {%- if value_times %} {{ wanted }} between {{ value_rank }} - {{ value_times }} + 1 and {{ value_rank }}
        {%- else %} {{ value_rank }} = {{ wanted }}
        {%- endif %} then {{ value }} end
    )
{%- endmacro %}
