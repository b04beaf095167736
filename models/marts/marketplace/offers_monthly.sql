{{ config(materialized='table') }}

with

offers as (

    select
        cast(date_trunc('month', offers.offered_at) as date) as offered_month,
        coalesce(attributes.role, 'unknown') as role,
        offers.answer,
        offers.base_salary * rates.rate as salary_reporting
    from {{ ref('int_offers') }} as offers
    left join {{ ref('int_candidacy_attributes') }} as attributes
        on offers.candidacy_id = attributes.candidacy_id
    left join {{ ref('currency_rates') }} as rates
        on {{ rate_of('rates', 'offers.currency', 'cast(offers.offered_at as date)') }}

),

counted as (

    select
        offered_month,
        role,
        count(*) as offer_count,
        count(case when answer = 'accepted' then 1 end) as accepted_count,
        count(case when answer = 'declined' then 1 end) as declined_count,
        -- The sum is rounded, not each offer.
        cast(round(sum(case when answer = 'accepted' then salary_reporting end), 0) as bigint)
            as accepted_salary_reporting
    from offers
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
    from counted

)

select * from final
