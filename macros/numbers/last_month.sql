{#
    The last month that a month-by-month model shows, over all rows of its input: the month of the
    var `as_of`; if that is not set, of the latest row, ignoring clocks that run fast, so that no
    month appears before it begins. Argument: when a row happened; the input has `received_at`.
#}
{% macro last_month(happened_at) -%}
    {%- set latest = "max(case when " ~ happened_at ~ " <= received_at then " ~ happened_at ~ " end)" -%}
    {%- if var('as_of') -%}
        {%- set latest = "cast('" ~ var('as_of') ~ "' as timestamp)" -%}
    {%- endif -%}
    cast(date_trunc('month', {{ latest }}) as date)
{%- endmacro %}
