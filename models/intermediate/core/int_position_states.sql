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

moments as (

    select
        position_id,
        known_from,
        lead(known_from) over (partition by position_id order by known_from) as known_to
    from changes
    group by 1, 2

),

-- The first opening says the role and whose it is; the last opening or update says the rest.
known as (

    select
        changes.*,
        moments.known_from as moment,
        moments.known_to,
        row_number() over (
            partition by moments.position_id, moments.known_from, changes.change
            order by changes.occurred_at, changes.event_id
        ) as place_of_change,
        row_number() over (
            partition by moments.position_id, moments.known_from, changes.is_closing
            order by changes.occurred_at desc, changes.change_rank desc, changes.event_id desc
        ) as place_from_last
    from moments
    inner join changes
        on
            moments.position_id = changes.position_id
            and moments.known_from >= changes.known_from

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
    from known
    group by 1, 2, 3

)

select * from states
where opened_at is not null
