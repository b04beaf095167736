{#
    The state of failed events: the only definition. dbt renders these macros for the models of
    operations, and scripts/hirehouse/failures/queries.py renders this file for `hirehouse failures`,
    which also works before the first build. So they call no other macro and nothing of dbt.
#}

{#
    What was done about each failed event: one row per failure_id, of the actions in the order in
    which they were committed.

    Arguments: what to read the actions from, and a condition on its rows, called `actions`.
#}
{% macro failure_history(actions, condition='1 = 1') -%}
    select
        failure_id,
        count(*) as action_count,
        count(case when action in ('replayed', 'refused') then 1 end) as replay_count,
        max(case when place_from_last = 1 then action end) as last_action,
        max(case when place_from_last = 1 then acted_at end) as last_acted_at,
        max(case when place_from_last = 1 then actor end) as last_actor,
        max(case when place_from_last = 1 then reason end) as last_reason,
        max(case when place_from_last = 1 then event_id end) as replayed_event_id,
        max(case when action = 'patched' and place_from_last_of_kind = 1 then patch end) as patch,
        max(
            case
                when action = 'refused' and place_from_last_of_kind = 1 then rule || ' ' || pointer
            end
        ) as refused_for,
        max(batch_id) as batch_id
    from (
        select
            actions.*,
            row_number() over (
                partition by actions.failure_id
                order by actions.batch_id desc, actions.batch_row desc
            ) as place_from_last,
            row_number() over (
                partition by actions.failure_id, actions.action
                order by actions.batch_id desc, actions.batch_row desc
            ) as place_from_last_of_kind
        from {{ actions }} as actions
        where {{ condition }}
    ) as numbered
    group by failure_id
{%- endmacro %}

{# The status of a failed event. Argument: the alias of failure_history in the query. #}
{% macro failure_status(history) -%}
        case
            when {{ history }}.last_action in ('replayed', 'discarded') then {{ history }}.last_action
            -- An empty patch takes an earlier one back.
            when {{ history }}.patch <> '[]' then 'patched'
            else 'open'
        end
{%- endmacro %}

{# The same for all failures of one event, rule and pointer. Argument: their alias, if one is needed. #}
{% macro failure_fingerprint(alias=none) -%}
    {%- set of = alias ~ '.' if alias else '' -%}
    substring(
        md5(coalesce({{ of }}event, '') || '|' || {{ of }}rule || '|' || {{ of }}pointer), 1, 12
    )
{%- endmacro %}
