{{ config(
    incremental_strategy='append',
    dist='account_id'
) }}

with

sign_ups as (

    select
        candidate_id as account_id,
        cast('candidate' as varchar(10)) as account_kind,
        event_id,
        occurred_at as signed_up_at,
        channel,
        batch_id
    from {{ ref('stg_candidate_app__candidate_signed_up') }}
    where {{ is_new() }}
    union all
    select
        employer_id as account_id,
        cast('employer' as varchar(10)) as account_kind,
        event_id,
        occurred_at as signed_up_at,
        channel,
        batch_id
    from {{ ref('stg_employer_app__employer_signed_up') }}
    where {{ is_new() }}

)

select * from sign_ups
