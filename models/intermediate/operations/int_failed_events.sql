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

acted as (

    {{ failure_history(
        ref('stg_landing__failure_actions'), is_touched('failure_id', 'actions')
    ) }}

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
        {{ failure_status('acted') }} as status,
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
