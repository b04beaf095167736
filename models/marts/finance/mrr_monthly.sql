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

monthly as (

    select
        months.mrr_month as month_start,
        months.currency,
        months.reporting_rate,
        sum(coalesce(changes.subscriptions, 0)) as subscriptions,
        sum(coalesce(changes.amount, 0)) as amount
    from {{ ref('mrr_months') }} as months
    left join changes
        on months.mrr_month = changes.month_start and months.currency = changes.currency
    group by 1, 2, 3

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
        ) as mrr,
        reporting_rate
    from monthly

)

select * from summed
where subscription_count > 0
