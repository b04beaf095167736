{#
    The channel of each source: of the rules in the seed `channel_rules` that fit, the one of lowest
    priority; a source that no rule fits is left out. Few sources have many visits, so rules are
    looked up per source.

    Argument: the CTE of the sources, which has the columns of source_columns().
#}
{% macro channel_of_source(name) -%}
    select * from (
        select
            sources.*,
            rules.channel,
            row_number() over (
                partition by sources.{{ source_columns() | join(', sources.') }}
                order by rules.priority
            ) as place
        from (select distinct {{ source_columns() | join(', ') }} from {{ name }}) as sources
        inner join {{ ref('channel_rules') }} as rules
            on
            {%- for column in source_columns() %}
                {{ 'and ' if not loop.first -}}
                coalesce(lower(sources.{{ column }}), '') like rules.{{ column }}
            {%- endfor %}
    ) as sources
    where place = 1
{%- endmacro %}

{# Joins the channel of a source. Arguments: aliases of channel_of_source() and of the row. #}
{% macro is_source(sources, alias) -%}
    {%- for column in source_columns() %}
    {{ 'and ' if not loop.first -}}
    coalesce({{ sources }}.{{ column }}, '') = coalesce({{ alias }}.{{ column }}, '')
    {%- endfor %}
{%- endmacro %}

{% macro source_columns() -%}
    {{ return(['utm_source', 'utm_medium', 'referrer_host']) }}
{%- endmacro %}
