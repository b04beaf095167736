{#
    Whole seconds from one timestamp to another: the number of times that the second of the clock
    changed between them, which is what datediff of DuckDB and Redshift counts.
#}
{% macro seconds_between(earlier, later) -%}
    {{ return(adapter.dispatch('seconds_between', 'hirehouse')(earlier, later)) }}
{%- endmacro %}

{% macro default__seconds_between(earlier, later) -%}
    datediff('second', {{ earlier }}, {{ later }})
{%- endmacro %}

{% macro postgres__seconds_between(earlier, later) -%}
    cast(
        extract(epoch from date_trunc('second', {{ later }}))
        - extract(epoch from date_trunc('second', {{ earlier }})) as bigint
    )
{%- endmacro %}

{# dbt looks for postgres__ before default__ on Redshift, which has datediff. #}
{% macro redshift__seconds_between(earlier, later) -%}
    datediff(second, {{ earlier }}, {{ later }})
{%- endmacro %}
