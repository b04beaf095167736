{{ config(materialized='table') }}

with

versions as (

    select * from {{ ref('int_subscriptions_versioned') }}

),

bounds as (

    select
        cast(date_trunc('month', min(valid_from)) as date) as first_month,
        {% if var('as_of') %}
        cast(date_trunc('month', cast('{{ var("as_of") }}' as timestamp)) as date)
        {% else %}
        cast(date_trunc('month', max(valid_from)) as date)
        {% endif %}
            as last_month
    from versions

),

months as (

    select distinct
        dates.month_start as mrr_month,
        cast({{ dbt.dateadd('month', 1, 'dates.month_start') }} as timestamp) as ended_at
    from {{ ref('dim_dates') }} as dates
    inner join bounds on dates.month_start between bounds.first_month and bounds.last_month

),

final as (

    select
        months.mrr_month,
        versions.currency,
        count(*) as subscription_count,
        cast(sum(versions.monthly_amount) as numeric(18, 2)) as mrr
    from months
    inner join versions
        on
            months.ended_at > versions.valid_from
            and (months.ended_at <= versions.valid_to or versions.valid_to is null)
    where versions.change <> 'cancelled'
    group by 1, 2

)

select * from final
