with

numbered as (

    select
        versions.*,
        row_number() over (
            partition by versions.subscription_id order by versions.valid_from
        ) as place,
        versions.valid_to is null as is_last
    from {{ ref('int_subscription_versions') }} as versions

),

subscriptions as (

    select
        subscription_id,
        max(case when is_last then employer_id end) as employer_id,
        max(case when is_last then plan end) as plan,
        max(case when is_last then currency end) as currency,
        cast(
            max(case when is_last and change <> 'cancelled' then 'live' else 'cancelled' end)
            as varchar(10)
        ) as status,
        min(case when change <> 'cancelled' then valid_from end) as started_at,
        max(case when is_last and change = 'cancelled' then valid_from end) as cancelled_at,
        max(case when place = 1 then plan end) as first_plan,
        cast(
            max(case when place = 1 and change <> 'cancelled' then monthly_amount end)
            as numeric(12, 2)
        ) as first_monthly_amount,
        cast(
            max(case when is_last and change <> 'cancelled' then monthly_amount else 0 end)
            as numeric(12, 2)
        ) as monthly_amount,
        count(case when change = 'upgraded' then 1 end) as upgrade_count,
        count(case when change = 'downgraded' then 1 end) as downgrade_count
    from numbered
    group by 1

)

select * from subscriptions
