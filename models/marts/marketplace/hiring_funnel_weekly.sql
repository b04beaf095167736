{{ config(materialized='table') }}

with

counted as (

    select
        cast(date_trunc('week', opened_at) as date) as opened_week,
        coalesce(role, 'unknown') as role,
        coalesce(location, 'unknown') as location,
        coalesce(channel, 'unknown') as channel,
        origin,
        count(*) as opened_count,
        count(accepted_at) as accepted_count,
        count(screened_at) as screened_count,
        count(interviewed_at) as interviewed_count,
        count(offered_at) as offered_count,
        count(hired_at) as hired_count,
        count(started_at) as started_count
    from {{ ref('int_candidacies') }}
    group by 1, 2, 3, 4, 5

),

final as (

    select
        opened_week,
        role,
        location,
        channel,
        origin,
        opened_count,
        accepted_count,
        screened_count,
        interviewed_count,
        offered_count,
        hired_count,
        started_count,
        {{ ratio('interviewed_count', 'opened_count') }} as interviewed_ratio,
        {{ ratio('offered_count', 'opened_count') }} as offered_ratio,
        {{ ratio('hired_count', 'opened_count') }} as hired_ratio
    from counted

)

select * from final
