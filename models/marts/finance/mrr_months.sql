{{ config(materialized='table') }}

with

versions as (

    select * from {{ ref('int_subscription_versions') }}

),

bounds as (

    select
        cast(date_trunc('month', min(valid_from)) as date) as first_month,
        {{ last_month('valid_from') }} as last_month
    from versions

),

months as (

    select distinct
        dates.month_start,
        bounds.last_month
    from {{ ref('dim_dates') }} as dates
    inner join bounds on dates.month_start between bounds.first_month and bounds.last_month

),

currencies as (

    select distinct currency from versions
    where {{ is_by_as_of('valid_from') }}

),

final as (

    select
        months.month_start as mrr_month,
        currencies.currency,
        rates.rate as reporting_rate
    from months
    cross join currencies
    -- One rate for all months, so that rates move no revenue.
    left join {{ ref('currency_rates') }} as rates
        on {{ rate_of('rates', 'currencies.currency', 'months.last_month') }}

)

select * from final
