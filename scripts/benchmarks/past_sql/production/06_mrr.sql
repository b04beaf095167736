with months as (
    select cast(month as date) as month, month + interval '1 month' as ended_at
    from generate_series(
        (select date_trunc('month', min(created_at)) from subscription_changes),
        (select date_trunc('month', max(created_at)) from subscription_changes),
        interval '1 month'
    ) as month
),

periods as (
    select
        subscription_id,
        change,
        monthly_amount,
        created_at as valid_from,
        lead(created_at) over (partition by subscription_id order by created_at) as valid_to
    from subscription_changes
)

select
    months.month as mrr_month,
    subscriptions.currency,
    count(*) as subscriptions,
    sum(periods.monthly_amount) as mrr
from months
join periods
    on
        periods.valid_from < months.ended_at
        and (periods.valid_to >= months.ended_at or periods.valid_to is null)
join subscriptions on periods.subscription_id = subscriptions.id
where periods.change <> 'cancelled'
group by 1, 2
order by 1, 2
