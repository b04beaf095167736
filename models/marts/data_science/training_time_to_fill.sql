{{ config(materialized='table') }}

with

states as (

    select
        states.*,
        row_number() over (partition by states.position_id order by states.known_from) as place,
        min(case when states.is_closed then states.known_from end)
            over (partition by states.position_id) as closed_at
    from {{ ref('positions_as_known') }} as states
    inner join {{ ref('data_as_of') }} as as_of on states.known_from < as_of.ends_at

),

-- A position as it was first known.
opened as (

    select
        states.*,
        states.opened_at as moment
    from states
    where states.place = 1

),

employers as (

    {{ features('employer', 'opened') }}

),

-- The first hire to become known by the end of the day of the data.
hires as (

    select
        activity.*,
        row_number() over (
            partition by activity.position_id
            order by activity.known_at, activity.occurred_at, activity.event_id
        ) as place
    from {{ ref('int_known_activity') }} as activity
    inner join {{ ref('data_as_of') }} as as_of on activity.known_at < as_of.ends_at
    where activity.activity = 'hire'

),

final as (

    select
        opened.position_id,
        opened.employer_id,
        opened.opened_at,
        opened.known_from as known_at,
        opened.role,
        opened.location,
        opened.remote_policy,
        opened.min_salary,
        opened.max_salary,
        opened.currency,
        hires.position_id is null as is_censored,
        greatest(
            opened.opened_at, coalesce(hires.occurred_at, opened.closed_at, as_of.ends_at)
        ) as observed_until,
        {{ training_columns('opened', ['employer']) }}
    from opened
    cross join {{ ref('data_as_of') }} as as_of
    left join hires on opened.position_id = hires.position_id and hires.place = 1
    {{ join_features('opened', ['employer'], 'opened') }}

)

select * from final
