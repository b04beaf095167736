{{ config(materialized='view') }}

with

-- A version adds its price when it begins and subtracts it when it ends.
amounts as (

    select
        employer_id,
        currency,
        valid_from as changed_at,
        monthly_amount as amount
    from {{ ref('int_subscription_versions') }}
    where change <> 'cancelled' and {{ is_by_as_of('valid_from') }}
    union all
    select
        employer_id,
        currency,
        valid_to as changed_at,
        -monthly_amount as amount
    from {{ ref('int_subscription_versions') }}
    where change <> 'cancelled' and valid_to is not null and {{ is_by_as_of('valid_to') }}

),

moments as (

    select
        employer_id,
        currency,
        changed_at,
        sum(amount) as amount
    from amounts
    group by 1, 2, 3
    -- A new plan at the same price moves nothing.
    having sum(amount) <> 0

),

summed as (

    select
        moments.*,
        sum(moments.amount) over (
            partition by moments.employer_id, moments.currency
            order by moments.changed_at rows unbounded preceding
        ) as mrr_after,
        row_number() over (
            partition by moments.employer_id, moments.currency order by moments.changed_at
        ) as place
    from moments

),

movements as (

    select
        employer_id,
        currency,
        changed_at,
        cast(
            case
                when place = 1 then 'new'
                when mrr_after = amount then 'reactivation'
                when mrr_after = 0 then 'churn'
                when amount > 0 then 'expansion'
                else 'contraction'
            end as varchar(20)
        ) as movement,
        cast(amount as numeric(18, 2)) as amount,
        cast(mrr_after as numeric(18, 2)) as mrr_after
    from summed

)

select * from movements
