{{ config(materialized='table') }}

with

changes as (

    select
        employer_id,
        currency,
        mrr_after,
        cast(date_trunc('month', changed_at) as date) as month_start,
        cast(date_trunc('month', lead(changed_at) over (
            partition by employer_id, currency order by changed_at
        )) as date) as next_month,
        cast(date_trunc('month', min(changed_at) over (
            partition by employer_id, currency
        )) as date) as cohort_month
    from {{ ref('int_mrr_changes') }}

),

-- The last change of a month says what is paid at its end, and at that of each month up to the next
-- change: from then on, an employer has one row per month.
states as (

    select
        changes.*,
        sum(case when changes.month_start = changes.cohort_month then changes.mrr_after else 0 end)
            over (partition by changes.employer_id, changes.currency) as first_mrr
    from changes
    where coalesce(changes.next_month > changes.month_start, true)

),

monthly as (

    select
        states.cohort_month,
        states.currency,
        months.mrr_month,
        count(*) as employer_count,
        count(case when states.mrr_after > 0 then 1 end) as retained_count,
        cast(sum(states.first_mrr) as numeric(18, 2)) as first_mrr,
        cast(sum(states.mrr_after) as numeric(18, 2)) as mrr,
        cast(sum(least(states.mrr_after, states.first_mrr)) as numeric(18, 2)) as kept_mrr
    from states
    inner join {{ ref('mrr_months') }} as months
        on
            states.currency = months.currency
            and states.month_start <= months.mrr_month
            and coalesce(states.next_month > months.mrr_month, true)
    group by 1, 2, 3

),

final as (

    select
        cohort_month,
        currency,
        mrr_month,
        cast(
            (extract(year from mrr_month) - extract(year from cohort_month)) * 12
            + extract(month from mrr_month) - extract(month from cohort_month) as integer
        ) as months_since,
        employer_count,
        retained_count,
        {{ ratio('retained_count', 'employer_count') }} as retained_ratio,
        first_mrr,
        kept_mrr,
        mrr,
        {% set cents = 'cast(first_mrr * 100 as bigint)' %}
        {{ ratio('kept_mrr * 100', cents) }} as gross_retention,
        {{ ratio('mrr * 100', cents, 'numeric(18, 4)') }} as net_retention
    from monthly

)

select * from final
