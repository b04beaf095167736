{#
    The host of a URL without `www.`, such as news.example.com; null without one. Argument: the
    column. All engines have split_part, where dbt's macro takes a list's item on DuckDB.
#}
{% macro host(url) -%}
    {%- set host = "split_part(split_part(" ~ url ~ ", '//', 2), '/', 1)" -%}
    cast(nullif(
        substring({{ host }}, case when {{ host }} like 'www.%' then 5 else 1 end), ''
    ) as varchar(4096))
{%- endmacro %}
