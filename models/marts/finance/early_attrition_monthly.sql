{{ config(materialized='table') }}

with

starts as (

    select
        candidacy_id,
        started_at,
        cast(date_trunc('month', started_at) as date) as started_month,
        coalesce(role, 'unknown') as role,
        {{ dbt.dateadd('day', var('guarantee_days'), 'started_at') }} as guaranteed_until
    from {{ ref('fct_candidacies') }}
    where started_at is not null

),

refunds as (

    select
        starts.candidacy_id,
        sum(fees.amount_reporting) as refunded
    from starts
    inner join {{ ref('fct_placement_fees') }} as fees
        on starts.candidacy_id = fees.candidacy_id
    where fees.refund_reason = 'left_early' and fees.booked_at <= starts.guaranteed_until
    group by 1

),

monthly as (

    select
        starts.started_month,
        starts.role,
        count(*) as started_count,
        count(refunds.candidacy_id) as left_early_count,
        {{ ratio('count(refunds.candidacy_id)', 'count(*)') }} as left_early_ratio,
        cast(sum(coalesce(refunds.refunded, 0)) as numeric(18, 2)) as refunded_reporting
    from starts
    left join refunds on starts.candidacy_id = refunds.candidacy_id
    group by 1, 2

)

select * from monthly
