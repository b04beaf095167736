{{ config(
    incremental_strategy='delete+insert',
    unique_key='candidacy_id'
) }}

with

touched as (

    {{ touched_keys('candidacy_id', ['int_candidacy_milestones', 'int_candidacy_attributes']) }}

),

candidacies as (

    select
        milestones.candidacy_id,
        attributes.origin,
        attributes.candidate_id,
        attributes.employer_id,
        attributes.position_id,
        attributes.role,
        attributes.location,
        attributes.channel,
        attributes.base_salary,
        attributes.currency,
        milestones.opened_at,
        milestones.requested_at,
        milestones.applied_at,
        milestones.accepted_at,
        milestones.screened_at,
        milestones.interviewed_at,
        milestones.offered_at,
        milestones.hired_at,
        milestones.started_at,
        milestones.closed_at,
        milestones.closing_reason,
        milestones.current_stage,
        milestones.offer_count,
        milestones.closing_count,
        milestones.stage_visit_count,
        greatest(milestones.batch_id, attributes.batch_id) as batch_id
    from {{ ref('int_candidacy_milestones') }} as milestones
    inner join {{ ref('int_candidacy_attributes') }} as attributes
        on milestones.candidacy_id = attributes.candidacy_id
    where {{ is_touched('candidacy_id', 'milestones') }}

)

select * from candidacies
