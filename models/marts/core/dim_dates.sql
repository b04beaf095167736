{{ config(materialized='table') }}

-- Models wait for their turn at their first `ref`; this one has none.
{% do take_turn() %}

with

days as (

    {% set first, end = calendar() %}
    {{ dbt.date_spine('day', "cast('" ~ first ~ "' as date)", "cast('" ~ end ~ "' as date)") }}

),

dates as (

    select
        cast(date_day as date) as date_day,
        cast(date_trunc('week', date_day) as date) as week_start,
        cast(date_trunc('month', date_day) as date) as month_start,
        cast(date_trunc('quarter', date_day) as date) as quarter_start,
        cast(date_trunc('year', date_day) as date) as year_start,
        cast(extract(year from date_day) as integer) as year_number,
        cast(extract(month from date_day) as integer) as month_of_year,
        cast(extract(day from date_day) as integer) as day_of_month,
        {{ day_of_week('date_day') }} as day_of_week,
        {{ day_of_week('date_day') }} >= 6 as is_weekend
    from days

)

select * from dates
