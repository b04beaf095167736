{{ config(materialized='table') }}

with

hires as (

    select
        cast(date_trunc('month', hired_at) as date) as hired_month,
        coalesce(role, 'unknown') as role,
        origin,
        {{ seconds_between('opened_at', 'hired_at') }} as seconds_to_hire
    from {{ ref('int_candidacies') }}
    where hired_at is not null

),

ranked as (

    select
        hires.*,
        row_number() over (
            partition by hires.hired_month, hires.role, hires.origin order by hires.seconds_to_hire
        ) as value_rank,
        count(*) over (
            partition by hires.hired_month, hires.role, hires.origin
        ) as value_count
    from hires

),

timed as (

    select
        hired_month,
        role,
        origin,
        count(*) as hired_count,
        {{ percentile('seconds_to_hire', 50) }} as median_seconds_to_hire,
        {{ percentile('seconds_to_hire', 90) }} as p90_seconds_to_hire
    from ranked
    group by 1, 2, 3

)

select * from timed
