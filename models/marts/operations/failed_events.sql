with

failures as (

    select * from {{ ref('int_failed_events') }}

),

final as (

    select
        failure_id,
        cast({{ failure_fingerprint() }} as varchar(12)) as fingerprint,
        status,
        event,
        version,
        event_id,
        rule,
        pointer,
        reason_count,
        context_library_name,
        context_app_version,
        received_at,
        input,
        line,
        byte_count,
        action_count,
        replay_count,
        last_action,
        last_acted_at,
        last_actor,
        last_reason,
        replayed_event_id
    from failures

)

select * from final
