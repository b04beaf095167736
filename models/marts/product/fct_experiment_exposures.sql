{{ config(materialized='table') }}

with

exposures as (

    select
        exposures.experiment_name,
        exposures.variant,
        exposures.exposed_at,
        coalesce(ids.person_id, exposures.visitor_id) as person_id
    from {{ ref('int_experiment_exposures') }} as exposures
    left join {{ ref('person_ids') }} as ids on exposures.visitor_id = ids.id

),

persons as (

    select
        experiment_name,
        person_id,
        variant,
        count(*) as exposure_count,
        min(exposed_at) as first_exposed_at,
        max(exposed_at) as last_exposed_at,
        count(*) over (partition by experiment_name, person_id) as variant_count
    from exposures
    group by 1, 2, 3

)

select * from persons
