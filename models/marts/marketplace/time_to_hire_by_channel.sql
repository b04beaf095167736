{{ config(materialized='table') }}

with

hires as (

    select
        cast(date_trunc('month', hired_at) as date) as hired_month,
        coalesce(measured_channel, 'unknown') as measured_channel,
        seconds_to_hire
    from {{ ref('fct_candidacies') }}
    where hired_at is not null

),

ranked as (

    select
        hires.*,
        row_number() over (
            partition by hires.hired_month, hires.measured_channel order by hires.seconds_to_hire
        ) as value_rank,
        count(*) over (partition by hires.hired_month, hires.measured_channel) as value_count
    from hires

),

timed as (

    select
        hired_month,
        cast(measured_channel as varchar(40)) as measured_channel,
        count(*) as hired_count,
        {{ percentile('seconds_to_hire', 50) }} as median_seconds_to_hire,
        {{ percentile('seconds_to_hire', 90) }} as p90_seconds_to_hire
    from ranked
    group by 1, 2

)

select * from timed
