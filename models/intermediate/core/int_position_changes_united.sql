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
        position_id,
        event_id,
        occurred_at,
        batch_id,
        'updated' as change,
        2 as change_rank,
        employer_id,
        null as role,
        title,
        location,
        remote_policy,
        min_salary,
        max_salary,
        currency,
        null as closing_reason
    from {{ ref('stg_employer_app__position_updated') }}
    where {{ is_new() }}

),

closed as (

    select
        position_id,
        event_id,
        occurred_at,
        batch_id,
        'closed' as change,
        3 as change_rank,
        employer_id,
        null as role,
        null as title,
        null as location,
        null as remote_policy,
        null as min_salary,
        null as max_salary,
        null as currency,
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
