-- A table, so that days and rates are put together once a build and not at each question.
{{ config(materialized='table') }}

with

counted as (

    select * from {{ ref('int_offers_counted') }}

),

rates as (

    select * from {{ ref('currency_rates') }}

),

monthly as (

    select
        cast(date_trunc('month', counted.offered_on) as date) as offered_month,
        counted.role,
        cast(sum(counted.offer_count) as bigint) as offer_count,
        cast(sum(counted.accepted_count) as bigint) as accepted_count,
        cast(sum(counted.declined_count) as bigint) as declined_count,
        -- Rounded once, not each offer.
        cast(round(sum(counted.accepted_salary * rates.rate), 0) as bigint)
            as accepted_salary_reporting
    from counted
    left join rates on {{ rate_of('rates', 'counted.currency', 'counted.offered_on') }}
    group by 1, 2

),

final as (

    select
        offered_month,
        role,
        offer_count,
        accepted_count,
        declined_count,
        {{ ratio('accepted_count', 'offer_count') }} as accepted_ratio,
        accepted_salary_reporting
    from monthly
    where offer_count > 0

)

select * from final
