{{ config(
    incremental_strategy='append',
    dist='visitor_id'
) }}

with

exposures as (

    select
        event_id,
        experiment_name,
        variant,
        -- An exposure without any id is a person of its own.
        coalesce(user_id, anonymous_id, event_id) as visitor_id,
        occurred_at as exposed_at,
        batch_id
    from {{ ref('stg_web__experiment_exposed') }}
    where {{ is_new() }}

)

select * from exposures
