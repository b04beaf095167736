{#
    The square root of a whole number of up to 31 digits, not negative, rounded down. A float's root
    is off by less than one and differs between engines, so it is corrected exactly. Argument: a
    column of type numeric(38, 0).
#}
{% macro whole_root(square) -%}
    {%- set root = 'cast(sqrt(' ~ square ~ ') as numeric(38, 0))' -%}
    (case
        when {{ root }} * {{ root }} > {{ square }} then {{ root }} - 1
        when ({{ root }} + 1) * ({{ root }} + 1) <= {{ square }} then {{ root }} + 1
        else {{ root }}
    end)
{%- endmacro %}
