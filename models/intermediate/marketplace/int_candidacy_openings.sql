{{ config(
    incremental_strategy='append',
    dist='candidacy_id'
) }}

with

requests as (

    select
        candidacy_id,
        event_id,
        occurred_at,
        cast('interview_request' as varchar(20)) as origin,
        -- At the same moment a request comes before an application, as in the order of stages.
        1 as origin_rank,
        candidate_id,
        employer_id,
        position_id,
        base_salary,
        currency,
        batch_id
    from {{ ref('stg_employer_app__interview_requested') }}
    where {{ is_new() }}

),

applications as (

    select
        candidacy_id,
        event_id,
        occurred_at,
        cast('application' as varchar(20)) as origin,
        2 as origin_rank,
        candidate_id,
        employer_id,
        position_id,
        cast(null as integer) as base_salary,
        cast(null as varchar(3)) as currency,
        batch_id
    from {{ ref('stg_candidate_app__application_submitted') }}
    where {{ is_new() }}

),

openings as (

    select * from requests
    union all
    select * from applications

)

select * from openings
