{{ config(
    incremental_strategy='delete+insert',
    unique_key='requested_month',
    dist='requested_month',
    sort='requested_month'
) }}

with

candidacies as {{ inlined() }} (

    select
        candidacies.*,
        cast(date_trunc('month', candidacies.opened_at) as date) as requested_month
    from {{ ref('int_candidacies_joined') }} as candidacies

),

-- All visits of a changed candidacy carry its last batch, so this is every month that one of them
-- may have been counted in until now. A month that is left empty keeps a row of zeros.
touched as (

    select cast(date_trunc('month', entered_at) as date) as requested_month
    from {{ ref('int_candidacy_stages_visited') }}
    where milestone = 'opened' and {{ is_new() }}
    union
    select requested_month from candidacies where {{ is_new() }}

),

-- Bands of the currency that was offered: in the reporting one they would follow its rates.
counted as (

    select
        touched.requested_month,
        coalesce(candidacies.role, 'unknown') as role,
        candidacies.currency,
        {{ band('candidacies.base_salary', 20000) }} as salary_band,
        count(candidacies.candidacy_id) as request_count,
        count(candidacies.accepted_at) as accepted_count,
        count(candidacies.offered_at) as offered_count,
        count(candidacies.hired_at) as hired_count,
        coalesce(max(candidacies.batch_id), 0) as batch_id
    from touched
    left join candidacies
        on
            touched.requested_month = candidacies.requested_month
            and candidacies.origin = 'interview_request'
    group by 1, 2, 3, 4

)

select * from counted
