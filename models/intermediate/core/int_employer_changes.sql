{{ config(
    incremental_strategy='append',
    dist='employer_id'
) }}

with

-- Sign-ups and updates both carry the whole profile.
signed_up as (

    select
        employer_id,
        event_id,
        occurred_at,
        coalesce(replayed_at, received_at) as known_at,
        batch_id,
        cast('signed_up' as varchar(24)) as change,
        1 as change_rank,
        company_name,
        industry,
        employee_range,
        channel,
        country_code
    from {{ ref('stg_employer_app__employer_signed_up') }}
    where {{ is_new() }}

),

updated as (

    select
        employer_id,
        event_id,
        occurred_at,
        coalesce(replayed_at, received_at) as known_at,
        batch_id,
        cast('updated' as varchar(24)) as change,
        2 as change_rank,
        company_name,
        industry,
        employee_range,
        cast(null as varchar(40)) as channel,
        cast(null as varchar(2)) as country_code
    from {{ ref('stg_employer_app__employer_profile_updated') }}
    where {{ is_new() }}

),

united as (

    select * from signed_up
    union all
    select * from updated

)

select * from united
