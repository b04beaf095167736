{{ config(
    incremental_strategy='delete+insert',
    unique_key='candidacy_id',
    dist='candidacy_id',
    sort='candidacy_id'
) }}

with

progressed as {{ inlined() }} (

    select * from {{ ref('int_candidacies_progressed') }}

),

described as {{ inlined() }} (

    select * from {{ ref('int_candidacies_described') }}

),

touched as (

    select candidacy_id from progressed where {{ is_new() }}
    union
    select candidacy_id from described where {{ is_new() }}

),

joined as (

    select
        progressed.candidacy_id,
        described.origin,
        described.candidate_id,
        described.employer_id,
        described.position_id,
        described.role,
        described.location,
        described.channel,
        described.base_salary,
        described.currency,
        progressed.opened_at,
        progressed.requested_at,
        progressed.applied_at,
        progressed.accepted_at,
        progressed.screened_at,
        progressed.interviewed_at,
        progressed.offered_at,
        progressed.hired_at,
        progressed.started_at,
        progressed.closed_at,
        progressed.closing_reason,
        progressed.current_stage,
        progressed.offer_count,
        progressed.closing_count,
        progressed.stage_visit_count,
        greatest(progressed.batch_id, described.batch_id) as batch_id
    from progressed
    inner join described on progressed.candidacy_id = described.candidacy_id
    inner join touched on progressed.candidacy_id = touched.candidacy_id

)

select * from joined
