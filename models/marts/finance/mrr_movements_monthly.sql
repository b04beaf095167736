{{ config(materialized='table') }}

{% set movements = [
    ('new', 'new', ''), ('reactivation', 'reactivated', ''), ('expansion', 'expansion', ''),
    ('contraction', 'contraction', '-'), ('churn', 'churned', '-'),
] %}
with

changes as (

    select
        cast(date_trunc('month', changed_at) as date) as month_start,
        currency,
        movement,
        amount
    from {{ ref('int_mrr_changes') }}

),

monthly as (

    select
        months.mrr_month as month_start,
        months.currency,
        months.reporting_rate,
        {% for movement, name, sign in movements %}
        count(case when changes.movement = '{{ movement }}' then 1 end) as {{ name }}_count,
        {{ sign }}sum(case when changes.movement = '{{ movement }}' then changes.amount else 0 end)
            as {{ name }}_mrr,
        {% endfor %}
        sum(coalesce(changes.amount, 0)) as net_new_mrr
    from {{ ref('mrr_months') }} as months
    left join changes
        on months.mrr_month = changes.month_start and months.currency = changes.currency
    group by 1, 2, 3

),

summed as (

    select
        monthly.*,
        sum(monthly.net_new_mrr) over (
            partition by monthly.currency order by monthly.month_start rows unbounded preceding
        ) as closing_mrr
    from monthly

),

final as (

    select
        month_start as mrr_month,
        currency,
        cast(closing_mrr - net_new_mrr as numeric(18, 2)) as opening_mrr,
        {% for _, name, _ in movements %}
        {{ name }}_count,
        cast({{ name }}_mrr as numeric(18, 2)) as {{ name }}_mrr,
        {% endfor %}
        cast(net_new_mrr as numeric(18, 2)) as net_new_mrr,
        cast(closing_mrr as numeric(18, 2)) as closing_mrr,
        reporting_rate
    from summed
    where
        closing_mrr <> 0
        or new_count + reactivated_count + expansion_count + contraction_count + churned_count > 0

)

select * from final
