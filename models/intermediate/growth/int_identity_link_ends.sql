{{ config(materialized='view') }}

with

links as (

    select * from {{ ref('stg_web__identity_linked') }}

),

ends as (

    select
        previous_id as id,
        person_id as other_id,
        person_id,
        method,
        occurred_at,
        event_id,
        batch_id
    from links
    union all
    select
        person_id as id,
        previous_id as other_id,
        person_id,
        method,
        occurred_at,
        event_id,
        batch_id
    from links
    where previous_id <> person_id

)

select * from ends
