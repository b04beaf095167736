with

offers as (

    select * from {{ ref('int_offers') }}

),

candidacies as (

    select * from {{ ref('int_candidacies') }}

),

rates as (

    select * from {{ ref('currency_rates') }}

),

final as (

    select
        offers.offer_id,
        offers.candidacy_id,
        candidacies.candidate_id,
        candidacies.employer_id,
        candidacies.position_id,
        candidacies.role,
        candidacies.location,
        candidacies.channel,
        offers.offered_at,
        offers.base_salary,
        offers.currency,
        {{ in_reporting_currency('offers.base_salary') }} as base_salary_reporting,
        offers.expires_on,
        offers.answer,
        offers.decline_reason,
        offers.answered_at,
        {{ seconds_between('offers.offered_at', 'offers.answered_at') }} as seconds_to_answer
    from offers
    left join candidacies on offers.candidacy_id = candidacies.candidacy_id
    left join rates
        on {{ rate_of('rates', 'offers.currency', 'cast(offers.offered_at as date)') }}

)

select * from final
