{#
    The measured channel of an account, as `fct_attribution` has it by the last touch; null if the
    sign-up is missing. Arguments: the aliases of fct_sign_ups and of channel_of_source().
#}
{% macro measured_channel(sign_ups, channels) -%}
    cast(case
        when {{ sign_ups }}.account_id is null then null
        when {{ dbt.dateadd('day', var('attribution_days'), sign_ups ~ '.touched_at') }}
            >= {{ sign_ups }}.signed_up_at and not ({{ is_direct(sign_ups) }})
            then coalesce({{ channels }}.channel, 'unknown')
        when {{ dbt.dateadd('day', var('attribution_days'), sign_ups ~ '.last_session_at') }}
            >= {{ sign_ups }}.signed_up_at then 'direct'
        else 'unknown'
    end as varchar(40))
{%- endmacro %}
