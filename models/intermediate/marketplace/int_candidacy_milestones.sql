{{ config(
    incremental_strategy='delete+insert',
    unique_key='candidacy_id'
) }}

with

-- All visits of a touched candidacy carry its latest batch, so these are whole candidacies.
visits as (

    select * from {{ ref('int_candidacy_stage_visits') }}
    where {{ is_changed() }}

),

milestones as (

    select
        candidacy_id,
        min(case when milestone = 'opened' then entered_at end) as opened_at,
        min(case when stage = 'requested' then entered_at end) as requested_at,
        min(case when stage = 'applied' then entered_at end) as applied_at,
        min(case when milestone = 'accepted' then entered_at end) as accepted_at,
        min(case when milestone = 'screened' then entered_at end) as screened_at,
        min(case when milestone = 'interviewed' then entered_at end) as interviewed_at,
        min(case when milestone = 'offered' then entered_at end) as offered_at,
        min(case when milestone = 'hired' then entered_at end) as hired_at,
        min(case when milestone = 'started' then entered_at end) as started_at,
        -- A later entry reopens a closed candidacy, so a closing counts only as the last entry.
        max(case when milestone = 'closed' and left_at is null then entered_at end) as closed_at,
        max(case when milestone = 'closed' and left_at is null then closing_reason end)
            as closing_reason,
        max(case when left_at is null then stage end) as current_stage,
        count(case when milestone = 'offered' then 1 end) as offer_count,
        count(case when milestone = 'closed' then 1 end) as closing_count,
        count(*) as stage_visit_count,
        max(batch_id) as batch_id
    from visits
    group by candidacy_id

)

select * from milestones
