{{ config(
    incremental_strategy='append',
    dist='position_id'
) }}

with

opened as (

    select
        position_id,
        event_id,
        occurred_at,
        coalesce(replayed_at, received_at) as known_at,
        batch_id,
        cast('opened' as varchar(24)) as change,
        1 as change_rank,
        employer_id,
        role,
        title,
        location,
        remote_policy,
        min_salary,
        max_salary,
        currency,
        cast(null as varchar(20)) as closing_reason
    from {{ ref('stg_employer_app__position_opened') }}
    where {{ is_new() }}

),

updated as (

    select
        position_id,
        event_id,
        occurred_at,
        coalesce(replayed_at, received_at) as known_at,
        batch_id,
        cast('updated' as varchar(24)) as change,
        2 as change_rank,
        employer_id,
        cast(null as varchar(40)) as role,
        title,
        location,
        remote_policy,
        min_salary,
        max_salary,
        currency,
        cast(null as varchar(20)) as closing_reason
    from {{ ref('stg_employer_app__position_updated') }}
    where {{ is_new() }}

),

closed as (

    select
        position_id,
        event_id,
        occurred_at,
        coalesce(replayed_at, received_at) as known_at,
        batch_id,
        cast('closed' as varchar(24)) as change,
        3 as change_rank,
        employer_id,
        cast(null as varchar(40)) as role,
        cast(null as varchar(200)) as title,
        cast(null as varchar(80)) as location,
        cast(null as varchar(10)) as remote_policy,
        cast(null as integer) as min_salary,
        cast(null as integer) as max_salary,
        cast(null as varchar(3)) as currency,
        reason as closing_reason
    from {{ ref('stg_employer_app__position_closed') }}
    where {{ is_new() }}

),

united as (

    select * from opened
    union all
    select * from updated
    union all
    select * from closed

)

select * from united
