with

landed as (

    {{ envelopes(is_counted()) }}

),

numbered as (

    select
        landed.*,
        row_number() over (
            partition by landed.event, landed.event_id, landed.occurred_at
            order by landed.batch_id, landed.batch_row
        ) as copy_number
    from landed

),

-- A copy carries the same occurred_at, so only its times are searched for an earlier one.
earlier as (

    {% if is_incremental() %}
    select * from {{ this }}
    where not is_copy and {{ in_range('(' ~ envelopes(is_new('events')) ~ ') as landed', '1 = 1') }}
    {% else %}
    select * from landed where 1 = 0
    {% endif %}

),

marked as (

    select
        numbered.event,
        numbered.version,
        numbered.event_id,
        numbered.occurred_at,
        numbered.received_at,
        numbered.replayed_at,
        numbered.known_at,
        numbered.batch_id,
        numbered.batch_row,
        numbered.context_library_name,
        numbered.context_app_version,
        numbered.copy_number > 1 or earlier.event_id is not null as is_copy
    from numbered
    left join earlier
        on
            numbered.event = earlier.event
            and numbered.event_id = earlier.event_id
            and numbered.occurred_at = earlier.occurred_at

)

select * from marked
