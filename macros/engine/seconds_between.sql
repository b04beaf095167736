{#
    Whole seconds from one timestamp to another: how often the clock's second changed between them,
    which is what DuckDB's and Redshift's datediff count.
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
