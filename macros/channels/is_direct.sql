{#
    Whether neither a campaign nor another site led to a session. Argument: the alias of its first
    page, if the columns need one.
#}
{% macro is_direct(alias=none) -%}
    {%- set start = alias ~ '.' if alias else '' -%}
    coalesce(
        {{ start }}utm_source, {{ start }}utm_medium, {{ start }}utm_campaign,
        {{ start }}referrer_host
    ) is null
{%- endmacro %}
