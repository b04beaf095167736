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

moments as (

    select
        employer_id,
        known_from,
        lead(known_from) over (partition by employer_id order by known_from) as known_to
    from changes
    group by 1, 2

),

known as (

    select
        changes.*,
        moments.known_from as moment,
        moments.known_to,
        row_number() over (
            partition by moments.employer_id, moments.known_from
            order by changes.occurred_at desc, changes.change_rank desc, changes.event_id desc
        ) as place_from_last
    from moments
    inner join changes
        on
            moments.employer_id = changes.employer_id
            and moments.known_from >= changes.known_from

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
    from known
    group by 1, 2, 3

)

select * from states
where signed_up_at is not null
