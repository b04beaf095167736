{{ config(
    incremental_strategy='delete+insert',
    unique_key='opened_month',
    dist='opened_month',
    sort='opened_month'
) }}

with

candidacies as {{ inlined() }} (

    select
        candidacies.*,
        cast(date_trunc('month', candidacies.opened_at) as date) as opened_month
    from {{ ref('int_candidacies_joined') }} as candidacies

),

-- All visits of a changed candidacy carry its last batch, so this is every month that one of them
-- may have been counted in until now. A month that is left empty keeps a row of zeros.
touched as (

    select cast(date_trunc('month', entered_at) as date) as opened_month
    from {{ ref('int_candidacy_stages_visited') }}
    where milestone = 'opened' and {{ is_new() }}
    union
    select opened_month from candidacies where {{ is_new() }}

),

-- Without industry and size, which an employer may change at any time.
counted as (

    select
        touched.opened_month,
        candidacies.employer_id,
        count(candidacies.requested_at) as request_count,
        count(candidacies.applied_at) as application_count,
        count(candidacies.hired_at) as hired_count,
        coalesce(max(candidacies.batch_id), 0) as batch_id
    from touched
    left join candidacies on touched.opened_month = candidacies.opened_month
    group by 1, 2

)

select * from counted
