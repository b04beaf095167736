{{ config(incremental_strategy='append') }}

with

sign_ups as (

    select
        candidate_id,
        event_id,
        occurred_at,
        batch_id,
        'signed_up' as change,
        1 as change_rank,
        channel,
        country_code,
        cast(null as varchar(40)) as role,
        cast(null as integer) as years_experience,
        cast(null as varchar(80)) as location,
        cast(null as varchar(10)) as remote_preference,
        cast(null as integer) as min_base_salary,
        cast(null as varchar(3)) as currency,
        cast(null as varchar(20)) as review_decision,
        cast(null as varchar(20)) as availability,
        cast(null as date) as available_from
    from {{ ref('stg_candidate_app__candidate_signed_up') }}
    where {{ is_new() }}

),

profiles as (

    select
        candidate_id,
        event_id,
        occurred_at,
        batch_id,
        'profile_submitted' as change,
        2 as change_rank,
        null as channel,
        null as country_code,
        role,
        years_experience,
        location,
        remote_preference,
        min_base_salary,
        currency,
        null as review_decision,
        null as availability,
        null as available_from
    from {{ ref('stg_candidate_app__candidate_profile_submitted') }}
    where {{ is_new() }}

),

reviews as (

    select
        candidate_id,
        event_id,
        occurred_at,
        batch_id,
        'review_decided' as change,
        3 as change_rank,
        null as channel,
        null as country_code,
        null as role,
        null as years_experience,
        null as location,
        null as remote_preference,
        null as min_base_salary,
        null as currency,
        decision as review_decision,
        null as availability,
        null as available_from
    from {{ ref('stg_candidate_app__candidate_review_decided') }}
    where {{ is_new() }}

),

availabilities as (

    select
        candidate_id,
        event_id,
        occurred_at,
        batch_id,
        'availability_changed' as change,
        4 as change_rank,
        null as channel,
        null as country_code,
        null as role,
        null as years_experience,
        null as location,
        null as remote_preference,
        null as min_base_salary,
        null as currency,
        null as review_decision,
        availability,
        available_from
    from {{ ref('stg_candidate_app__candidate_availability_changed') }}
    where {{ is_new() }}

),

united as (

    select * from sign_ups
    union all
    select * from profiles
    union all
    select * from reviews
    union all
    select * from availabilities

)

select * from united
