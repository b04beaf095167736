{{ config(incremental_strategy='append') }}

with

opened as (

    select
        position_id,
        event_id,
        occurred_at,
        batch_id,
        'opened' as change,
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
        position_id, event_id, occurred_at, batch_id, 'updated', 2, employer_id, null,
        title, location, remote_policy, min_salary, max_salary, currency, null
    from {{ ref('stg_employer_app__position_updated') }}
    where {{ is_new() }}

),

closed as (

    select
        position_id, event_id, occurred_at, batch_id, 'closed', 3, employer_id, null,
        null, null, null, null, null, null, reason
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
