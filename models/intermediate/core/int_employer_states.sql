{{ config(incremental_strategy='delete+insert', unique_key='employer_id') }}

with

touched as (

    {{ touched_keys('employer_id', ['int_employer_changes']) }}

),

changes as (

    select
        changes.*,
        greatest(changes.known_at, changes.occurred_at) as known_from
    from {{ ref('int_employer_changes') }} as changes
    where {{ is_touched('employer_id', 'changes') }}

),

known as (

    {{ known_by_moment('employer_id', 'changes') }}

),

ranked as (

    select
        *,
        row_number() over (
            partition by employer_id, moment
            order by occurred_at desc, change_rank desc, event_id desc
        ) as place_from_last
    from known

),

states as (

    select
        employer_id,
        moment as known_from,
        known_to,
        min(case when change = 'signed_up' then occurred_at end) as signed_up_at,
        max(case when place_from_last = 1 then industry end) as industry,
        max(case when place_from_last = 1 then employee_range end) as employee_range,
        max(max(batch_id)) over (partition by employer_id) as batch_id
    from ranked
    group by 1, 2, 3

)

select * from states
where signed_up_at is not null
