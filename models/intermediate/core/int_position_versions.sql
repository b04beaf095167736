{{ config(
    incremental_strategy='delete+insert',
    unique_key='position_id'
) }}

with

touched as (

    {{ touched_keys('position_id', ['int_position_changes']) }}

),

-- Openings and updates carry the whole state, so their number up to a row tells which of them
-- applies there.
numbered as (

    select
        changes.*,
        {% for name, condition in {
            'state_number': "changes.change in ('opened', 'updated')",
            'opening_number': "changes.change = 'opened'"
        }.items() %}
        {{ running_count(
            condition, 'changes.position_id',
            'changes.occurred_at, changes.change_rank, changes.event_id'
        ) }} as {{ name }},
        {% endfor %}
        max(changes.known_at) over (
            partition by changes.position_id
            order by changes.occurred_at, changes.change_rank, changes.event_id
            rows unbounded preceding
        ) as all_known_at,
        row_number() over (
            partition by changes.position_id, changes.occurred_at
            order by changes.change_rank desc, changes.event_id desc
        ) as place_from_last_of_moment
    from {{ ref('int_position_changes') }} as changes
    where {{ is_touched('position_id', 'changes') }}

),

filled as (

    select
        position_id,
        occurred_at as valid_from,
        change,
        place_from_last_of_moment,
        closing_reason,
        all_known_at,
        max(case when change = 'opened' and opening_number = 1 then known_at end)
            over (partition by position_id) as opening_known_at,
        min(case when change = 'opened' then occurred_at end)
            over (partition by position_id) as opened_at,
        max(case when change = 'opened' and opening_number = 1 then employer_id end)
            over (partition by position_id) as employer_id,
        max(case when opening_number = 1 then role end) over (partition by position_id) as role,
        max(title) over (partition by position_id, state_number) as title,
        max(location) over (partition by position_id, state_number) as location,
        max(remote_policy) over (partition by position_id, state_number) as remote_policy,
        max(min_salary) over (partition by position_id, state_number) as min_salary,
        max(max_salary) over (partition by position_id, state_number) as max_salary,
        max(currency) over (partition by position_id, state_number) as currency,
        max(batch_id) over (partition by position_id) as batch_id
    from numbered

),

versions as (

    select
        position_id,
        valid_from,
        lead(valid_from) over (partition by position_id order by valid_from) as valid_to,
        greatest(all_known_at, opening_known_at) as known_from,
        opened_at,
        employer_id,
        role,
        title,
        location,
        remote_policy,
        min_salary,
        max_salary,
        currency,
        case when change = 'closed' then 'closed' else 'open' end as status,
        closing_reason,
        batch_id
    from filled
    -- Changes of the same moment form one version; a position is known once its opening has landed.
    where place_from_last_of_moment = 1 and opened_at is not null

)

select * from versions
