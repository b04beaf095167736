{{ config(
    incremental_strategy='delete+insert',
    unique_key='position_id',
    dist='position_id',
    sort='position_id'
) }}

with

changes as {{ inlined() }} (

    select * from {{ ref('int_position_changes_united') }}

),

touched as (

    select distinct position_id from changes where {{ is_new() }}

),

-- An opening and an update carry the whole state, so counting them up to a row tells which of them
-- holds there.
numbered as (

    select
        changes.*,
        sum(case when changes.change in ('opened', 'updated') then 1 else 0 end) over (
            partition by changes.position_id
            order by changes.occurred_at, changes.change_rank, changes.event_id
            rows unbounded preceding
        ) as state_number,
        sum(case when changes.change = 'opened' then 1 else 0 end) over (
            partition by changes.position_id
            order by changes.occurred_at, changes.change_rank, changes.event_id
            rows unbounded preceding
        ) as opening_number,
        row_number() over (
            partition by changes.position_id, changes.occurred_at
            order by changes.change_rank desc, changes.event_id desc
        ) as place_from_last_of_moment
    from changes
    inner join touched on changes.position_id = touched.position_id

),

filled as (

    select
        position_id,
        occurred_at as valid_from,
        change,
        place_from_last_of_moment,
        closing_reason,
        min(case when change = 'opened' then occurred_at end)
            over (partition by position_id) as opened_at,
        max(case when change = 'opened' and opening_number = 1 then employer_id end)
            over (partition by position_id) as employer_id,
        max(case when opening_number = 1 then role end)
            over (partition by position_id) as role,
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
        filled.*,
        lead(filled.valid_from) over (
            partition by filled.position_id order by filled.valid_from
        ) as valid_to
    from filled
    -- Changes of one moment make one version; a position is known once its opening has landed.
    where filled.place_from_last_of_moment = 1 and filled.opened_at is not null

)

select
    position_id,
    valid_from,
    valid_to,
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
from versions
