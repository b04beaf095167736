{{ config(materialized='table') }}

with

bounds as (

    select cast(min(valid_from) as date) as first_day from {{ ref('dim_positions_history') }}

),

weeks as (

    select distinct
        dates.week_start,
        cast({{ dbt.dateadd('day', 7, 'dates.week_start') }} as timestamp) as ends_at
    from {{ ref('dim_dates') }} as dates
    inner join {{ ref('data_as_of') }} as as_of on dates.date_day <= as_of.as_of_day
    inner join bounds on dates.date_day >= bounds.first_day

),

counted as (

    select
        weeks.week_start as demand_week,
        positions.role,
        positions.location,
        positions.employer_id,
        count(*) as open_position_count
    from {{ ref('dim_positions_history') }} as positions
    inner join weeks
        on
            positions.valid_from < weeks.ends_at
            and coalesce(positions.valid_to >= weeks.ends_at, true)
    where positions.status = 'open'
    group by 1, 2, 3, 4

),

employers as (

    select
        demand_week,
        employer_id,
        row_number() over (
            partition by demand_week order by sum(open_position_count) desc, employer_id
        ) as place
    from counted
    group by 1, 2

),

final as (

    select
        counted.demand_week,
        counted.role,
        counted.location,
        cast(sum(counted.open_position_count) as bigint) as open_position_count,
        count(*) as employer_count,
        cast(
            sum(case when employers.place <= 10 then counted.open_position_count else 0 end)
            as bigint
        ) as top_ten_position_count
    from counted
    inner join employers
        on
            counted.demand_week = employers.demand_week
            and counted.employer_id = employers.employer_id
    group by 1, 2, 3

)

select * from final
