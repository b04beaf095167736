{{ config(materialized='table') }}

with

months as (

    select
        mrr_month as month_start,
        currency,
        reporting_rate as rate
    from {{ ref('mrr_months') }}

),

changes as (

    select
        employer_id,
        currency,
        mrr_after,
        cast(date_trunc('month', changed_at) as date) as month_start,
        cast(date_trunc('month', lead(changed_at) over (
            partition by employer_id, currency order by changed_at
        )) as date) as next_month
    from {{ ref('int_mrr_changes') }}

),

revenue as (

    -- The last change of a month says what it brings, and each month up to the next change.
    select
        changes.employer_id,
        months.month_start as revenue_month,
        months.month_start as subscription_month,
        {{ in_reporting_currency('changes.mrr_after', 'months', 'numeric(18, 2)') }} as price,
        0 as net_fee,
        0 as placement
    from changes
    inner join months
        on
            changes.currency = months.currency
            and changes.month_start <= months.month_start
            and coalesce(changes.next_month > months.month_start, true)
    where changes.mrr_after > 0
    union all
    select
        employer_id,
        booked_month as revenue_month,
        cast(null as date) as subscription_month,
        0 as price,
        net_amount_reporting as net_fee,
        case when movement = 'invoice' then 1 else 0 end as placement
    from {{ ref('fct_placement_fees') }}
    where employer_id is not null and {{ is_by_as_of('booked_at') }}

),

final as (

    select
        employer_id,
        min(revenue_month) as first_revenue_month,
        max(revenue_month) as last_revenue_month,
        count(distinct subscription_month) as subscription_month_count,
        cast(sum(placement) as bigint) as placement_count,
        cast(sum(coalesce(price, 0)) as numeric(18, 2)) as subscription_revenue_reporting,
        cast(sum(coalesce(net_fee, 0)) as numeric(18, 2)) as net_fees_reporting,
        cast(sum(coalesce(price, 0) + coalesce(net_fee, 0)) as numeric(18, 2))
            as lifetime_value_reporting
    from revenue
    group by 1

)

select * from final
