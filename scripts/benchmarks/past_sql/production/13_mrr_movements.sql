with months as (
    select cast(month as date) as month
    from generate_series(
        (select date_trunc('month', min(created_at)) from subscription_changes),
        (select date_trunc('month', max(created_at)) from subscription_changes),
        interval '1 month'
    ) as month
),

prices as (
    select
        subscription_id,
        created_at,
        case when change = 'cancelled' then 0 else monthly_amount end as price
    from subscription_changes
),

steps as (
    select
        subscription_id,
        created_at,
        price - lag(price, 1, 0.00) over (
            partition by subscription_id order by created_at
        ) as amount
    from prices
),

-- An employer who moves from one subscription to another neither leaves nor comes.
moments as (
    select
        subscriptions.employer_id,
        subscriptions.currency,
        steps.created_at,
        sum(steps.amount) as amount
    from steps
    join subscriptions on steps.subscription_id = subscriptions.id
    group by 1, 2, 3
    having sum(steps.amount) <> 0
),

movements as (
    select
        cast(date_trunc('month', created_at) as date) as month,
        currency,
        amount,
        sum(amount) over changes as mrr,
        row_number() over changes as place
    from moments
    window changes as (partition by employer_id, currency order by created_at)
),

monthly as (
    select
        months.month,
        currencies.currency,
        count(movements.month) as movements,
        coalesce(sum(amount) filter (where place = 1), 0) as new,
        coalesce(sum(amount) filter (where place > 1 and mrr = amount), 0) as reactivated,
        coalesce(sum(amount) filter (where amount > 0 and mrr > amount), 0) as expansion,
        coalesce(-sum(amount) filter (where amount < 0 and mrr > 0), 0) as contraction,
        coalesce(-sum(amount) filter (where mrr = 0), 0) as churned,
        coalesce(sum(amount), 0) as amount
    from months
    cross join (select distinct currency from subscriptions) as currencies
    left join movements
        on months.month = movements.month and currencies.currency = movements.currency
    group by 1, 2
),

summed as (
    select
        monthly.*,
        sum(amount) over (partition by currency order by month) as closing
    from monthly
)

select
    month,
    currency,
    closing - amount as opening,
    new,
    reactivated,
    expansion,
    contraction,
    churned,
    closing
from summed
where closing <> 0 or movements > 0
order by 1, 2
