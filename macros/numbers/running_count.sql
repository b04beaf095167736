{#
    The number of rows of a group that meet a condition, from the first row up to this one.
    Arguments: the condition, the columns of a group, and the order of its rows.
#}
{% macro running_count(condition, key, order) -%}
    sum(case when {{ condition }} then 1 else 0 end) over (
        partition by {{ key }} order by {{ order }} rows unbounded preceding
    )
{%- endmacro %}
