{{ config(
    incremental_strategy='delete+insert',
    unique_key='failure_id'
) }}

with

touched as (

    {{ touched_keys('failure_id', [
        'stg_landing__failed_events', 'stg_landing__failure_actions'
    ]) }}

),

numbered as (

    select
        actions.*,
        row_number() over (
            partition by actions.failure_id order by actions.batch_id desc, actions.batch_row desc
        ) as place_from_last,
        row_number() over (
            partition by actions.failure_id, actions.action
            order by actions.batch_id desc, actions.batch_row desc
        ) as place_from_last_of_kind
    from {{ ref('stg_landing__failure_actions') }} as actions
    where {{ is_touched('failure_id', 'actions') }}

),

acted as (

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
        max(batch_id) as batch_id
    from numbered
    group by 1

),

failures_acted as (

    select
        failures.failure_id,
        failures.received_at,
        failures.input,
        failures.line,
        failures.byte_count,
        failures.event,
        failures.event_id,
        failures.version,
        failures.context_library_name,
        failures.context_app_version,
        failures.rule,
        failures.pointer,
        failures.reason_count,
        case
            when acted.last_action in ('replayed', 'discarded') then acted.last_action
            -- An empty patch takes an earlier one back.
            when acted.patch <> '[]' then 'patched'
            else 'open'
        end as status,
        coalesce(acted.action_count, 0) as action_count,
        coalesce(acted.replay_count, 0) as replay_count,
        acted.last_action,
        acted.last_acted_at,
        acted.last_actor,
        acted.last_reason,
        acted.replayed_event_id,
        greatest(failures.batch_id, coalesce(acted.batch_id, 0)) as batch_id
    from {{ ref('stg_landing__failed_events') }} as failures
    left join acted on failures.failure_id = acted.failure_id
    where {{ is_touched('failure_id', 'failures') }}

)

select * from failures_acted
