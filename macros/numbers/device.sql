{#
    The kind of device that a user agent names: mobile, tablet or desktop; null without one. Android
    calls itself `Mobile` on telephones only.

    Argument: the column of the user agent.
#}
{% macro device(user_agent) -%}
    cast(case
        when {{ user_agent }} is null then null
        when lower({{ user_agent }}) like '%ipad%' then 'tablet'
        when lower({{ user_agent }}) like '%tablet%' then 'tablet'
        when lower({{ user_agent }}) like '%mobi%' then 'mobile'
        when lower({{ user_agent }}) like '%android%' then 'tablet'
        else 'desktop'
    end as varchar(10))
{%- endmacro %}
