with

candidacies as (

    select * from {{ ref('int_candidacies') }}

),

sign_ups as (

    select * from {{ ref('fct_sign_ups') }} where account_kind = 'candidate'

),

channels as (

    {{ channel_of_source('sign_ups') }}

),

rates as (

    select * from {{ ref('currency_rates') }}

),

final as (

    select
        candidacies.candidacy_id,
        candidacies.origin,
        candidacies.candidate_id,
        candidacies.employer_id,
        candidacies.position_id,
        candidacies.role,
        candidacies.location,
        candidacies.channel,
        {{ measured_channel('sign_ups', 'channels') }} as measured_channel,
        candidacies.current_stage,
        case
            when candidacies.closed_at is not null then 'closed'
            when candidacies.started_at is not null then 'started'
            when candidacies.hired_at is not null then 'hired'
            when candidacies.offered_at is not null then 'offered'
            else 'open'
        end as status,
        candidacies.opened_at,
        cast(date_trunc('week', candidacies.opened_at) as date) as opened_week,
        candidacies.requested_at,
        candidacies.applied_at,
        candidacies.accepted_at,
        candidacies.screened_at,
        candidacies.interviewed_at,
        candidacies.offered_at,
        candidacies.hired_at,
        candidacies.started_at,
        candidacies.closed_at,
        candidacies.closing_reason,
        candidacies.stage_visit_count,
        candidacies.offer_count,
        candidacies.closing_count,
        candidacies.base_salary,
        candidacies.currency,
        {{ in_reporting_currency('candidacies.base_salary') }} as base_salary_reporting,
        {{ seconds_between('candidacies.opened_at', 'candidacies.offered_at') }}
            as seconds_to_offer,
        {{ seconds_between('candidacies.opened_at', 'candidacies.hired_at') }} as seconds_to_hire
    from candidacies
    left join sign_ups on candidacies.candidate_id = sign_ups.account_id
    left join channels on {{ is_source('channels', 'sign_ups') }}
    left join rates
        on {{ rate_of('rates', 'candidacies.currency', 'cast(candidacies.opened_at as date)') }}

)

select * from final
