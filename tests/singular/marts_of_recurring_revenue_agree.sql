-- The movements of a month must lead from the MRR at the end of the month before to the MRR at its
-- own end, as mrr_monthly has both, and the cohorts of a month must add up to the same. Otherwise a
-- change of a subscription is counted in one of the marts and not in another.
{% if execute and not is_built_together(
    ['mrr_monthly', 'mrr_movements_monthly', 'revenue_retention_cohorts']
) %}
select 1 as mrr_month where 1 = 0
{% else %}
with

reported as (

    select
        mrr_month,
        currency,
        mrr,
        cast({{ dbt.dateadd('month', 1, 'mrr_month') }} as date) as next_month
    from {{ ref('mrr_monthly') }}

),

moved as (

    select
        mrr_month,
        currency,
        opening_mrr,
        closing_mrr,
        opening_mrr + new_mrr + reactivated_mrr + expansion_mrr - contraction_mrr - churned_mrr
            as moved_to
    from {{ ref('mrr_movements_monthly') }}

),

cohorts as (

    select
        mrr_month,
        currency,
        sum(mrr) as mrr
    from {{ ref('revenue_retention_cohorts') }}
    group by 1, 2

),

compared as (

    select
        coalesce(moved.mrr_month, closing.mrr_month) as mrr_month,
        coalesce(moved.currency, closing.currency) as currency,
        coalesce(moved.opening_mrr, 0) as opening_mrr,
        coalesce(moved.moved_to, 0) as moved_to,
        coalesce(moved.closing_mrr, 0) as closing_mrr,
        coalesce(opening.mrr, 0) as mrr_before,
        coalesce(closing.mrr, 0) as mrr,
        coalesce(cohorts.mrr, 0) as mrr_of_cohorts
    from moved
    full outer join reported as closing
        on moved.mrr_month = closing.mrr_month and moved.currency = closing.currency
    left join reported as opening
        on
            coalesce(moved.mrr_month, closing.mrr_month) = opening.next_month
            and coalesce(moved.currency, closing.currency) = opening.currency
    left join cohorts
        on closing.mrr_month = cohorts.mrr_month and closing.currency = cohorts.currency

)

select * from compared
where
    opening_mrr <> mrr_before
    or moved_to <> mrr
    or closing_mrr <> mrr
    or mrr_of_cohorts <> mrr
{% endif %}
