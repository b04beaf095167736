{{ config(materialized='table') }}

with

versions as (

    select * from {{ ref('int_subscription_versions') }}
    where change <> 'cancelled' and {{ is_by_as_of('valid_from') }}

),

-- A version adds its price in the month it begins and subtracts it in the month it ends, so the sum
-- up to a month is what is live at its end: each version is read once, not once per month.
changes as (

    select
        cast(date_trunc('month', valid_from) as date) as month_start,
        currency,
        1 as subscriptions,
        monthly_amount as amount
    from versions
    union all
    select
        cast(date_trunc('month', valid_to) as date) as month_start,
        currency,
        -1 as subscriptions,
        -monthly_amount as amount
    from versions
    where valid_to is not null and {{ is_by_as_of('valid_to') }}

),

bounds as (

    select
        cast(date_trunc('month', min(valid_from)) as date) as first_month,
        {{ last_month('valid_from') }} as last_month
    from {{ ref('int_subscription_versions') }}

),

months as (

    select distinct dates.month_start
    from {{ ref('dim_dates') }} as dates
    inner join bounds on dates.month_start between bounds.first_month and bounds.last_month

),

currencies as (

    select distinct currency from versions

),

monthly as (

    select
        months.month_start,
        currencies.currency,
        sum(coalesce(changes.subscriptions, 0)) as subscriptions,
        sum(coalesce(changes.amount, 0)) as amount
    from months
    cross join currencies
    left join changes
        on months.month_start = changes.month_start and currencies.currency = changes.currency
    group by 1, 2

),

summed as (

    select
        month_start as mrr_month,
        currency,
        cast(
            sum(subscriptions) over (
                partition by currency order by month_start rows unbounded preceding
            ) as bigint
        ) as subscription_count,
        cast(
            sum(amount) over (
                partition by currency order by month_start rows unbounded preceding
            ) as numeric(18, 2)
        ) as mrr
    from monthly

)

select * from summed
where subscription_count > 0
