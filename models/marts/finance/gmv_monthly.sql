{{ config(materialized='table') }}

with

accepted as (

    select
        candidacy_id,
        cast(date_trunc('month', answered_at) as date) as accepted_month,
        -- As ISO 4217 has it: no currency.
        coalesce(currency, 'XXX') as currency,
        case when base_salary_reporting is null then 1 else 0 end as unknown_salary,
        base_salary,
        base_salary_reporting,
        row_number() over (partition by candidacy_id order by answered_at, offer_id) as place
    from {{ ref('fct_offers') }}
    where answer = 'accepted'

),

fees as (

    select
        candidacy_id,
        sum(net_amount_reporting) as net_fees
    from {{ ref('fct_placement_fees') }}
    where candidacy_id is not null
    group by 1

),

monthly as (

    select
        accepted.accepted_month,
        accepted.currency,
        count(accepted.base_salary_reporting) as hire_count,
        cast(sum(accepted.unknown_salary) as bigint) as unknown_salary_count,
        cast(
            sum(case when accepted.unknown_salary = 0 then accepted.base_salary else 0 end)
            as bigint
        ) as gmv,
        cast(sum(coalesce(accepted.base_salary_reporting, 0)) as bigint) as gmv_reporting,
        cast(
            sum(case when accepted.unknown_salary = 0 then coalesce(fees.net_fees, 0) else 0 end)
            as numeric(18, 2)
        ) as net_fees_reporting
    from accepted
    left join fees on accepted.candidacy_id = fees.candidacy_id
    -- The one that makes it a hire, as in the hires of other marts.
    where accepted.place = 1
    group by 1, 2

),

final as (

    select
        accepted_month,
        currency,
        hire_count,
        unknown_salary_count,
        gmv,
        gmv_reporting,
        net_fees_reporting,
        -- Whole units, and refunds beyond the fees are no less than nothing: ratio() takes counts.
        {{ ratio(
            'cast(round(greatest(net_fees_reporting, 0), 0) as bigint)', 'gmv_reporting',
            'numeric(18, 4)'
        ) }} as take_rate
    from monthly

)

select * from final
