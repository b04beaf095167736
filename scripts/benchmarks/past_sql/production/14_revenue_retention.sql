with months as (
    select month, month + interval '1 month' as ended_at
    from generate_series(
        (select date_trunc('month', min(created_at)) from subscription_changes),
        (select date_trunc('month', max(created_at)) from subscription_changes),
        interval '1 month'
    ) as month
),

periods as (
    select
        subscription_id,
        case when change = 'cancelled' then 0 else monthly_amount end as price,
        created_at as valid_from,
        lead(created_at) over (partition by subscription_id order by created_at) as valid_to
    from subscription_changes
),

beginnings as (
    select
        employer_id,
        currency,
        date_trunc('month', min(created_at)) as cohort_month
    from subscriptions
    group by 1, 2
),

payments as (
    select
        beginnings.employer_id,
        beginnings.currency,
        beginnings.cohort_month,
        months.month,
        sum(periods.price) as mrr
    from months
    join periods
        on
            periods.valid_from < months.ended_at
            and (periods.valid_to >= months.ended_at or periods.valid_to is null)
    join subscriptions on periods.subscription_id = subscriptions.id
    join beginnings
        on
            subscriptions.employer_id = beginnings.employer_id
            and subscriptions.currency = beginnings.currency
    group by 1, 2, 3, 4
),

compared as (
    select
        payments.*,
        first_value(mrr) over (
            partition by employer_id, currency order by month
        ) as first_mrr
    from payments
)

select
    cast(cohort_month as date) as cohort_month,
    currency,
    cast(
        (extract(year from month) - extract(year from cohort_month)) * 12
        + extract(month from month) - extract(month from cohort_month) as integer
    ) as months_since,
    count(*) as employers,
    count(*) filter (where mrr > 0) as retained,
    sum(first_mrr) as first_mrr,
    sum(least(mrr, first_mrr)) as kept_mrr,
    sum(mrr) as mrr
from compared
group by 1, 2, 3
order by 1, 2, 3
