{{ config(incremental_strategy='delete+insert', unique_key='position_id') }}

with

touched as (

    {{ touched_keys('position_id', ['int_position_changes']) }}

),

changes as (

    select
        changes.*,
        case when changes.change = 'closed' then 1 else 0 end as is_closing,
        greatest(changes.known_at, changes.occurred_at) as known_from
    from {{ ref('int_position_changes') }} as changes
    where {{ is_touched('position_id', 'changes') }}

),

known as (

    {{ known_by_moment('position_id', 'changes') }}

),

-- The first opening says the role and whose it is; the last opening or update says the rest.
ranked as (

    select
        *,
        row_number() over (
            partition by position_id, moment, change
            order by occurred_at, event_id
        ) as place_of_change,
        row_number() over (
            partition by position_id, moment, is_closing
            order by occurred_at desc, change_rank desc, event_id desc
        ) as place_from_last
    from known

),

states as (

    select
        position_id,
        moment as known_from,
        known_to,
        {% for column, name in {
            'occurred_at': 'opened_at', 'employer_id': 'employer_id', 'role': 'role'
        }.items() %}
        max(case when change = 'opened' and place_of_change = 1 then {{ column }} end)
            as {{ name }},
        {% endfor %}
        {% for column in [
            'location', 'remote_policy', 'min_salary', 'max_salary', 'currency', 'title'
        ] %}
        max(case when place_from_last = 1 then {{ column }} end) as {{ column }},
        {% endfor %}
        coalesce(
            max(case when is_closing = 1 then occurred_at end)
            >= max(case when is_closing = 0 then occurred_at end),
            false
        ) as is_closed,
        max(max(batch_id)) over (partition by position_id) as batch_id
    from ranked
    group by 1, 2, 3

)

select * from states
where opened_at is not null
