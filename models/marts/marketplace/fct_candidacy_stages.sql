with

visits as (

    select * from {{ ref('int_candidacy_stage_visits') }}

),

candidacies as (

    select * from {{ ref('int_candidacies') }}

),

final as (

    select
        visits.event_id as stage_visit_id,
        visits.candidacy_id,
        visits.stage,
        visits.milestone,
        visits.entry_number,
        visits.visit_number,
        visits.entered_at,
        visits.left_at,
        {{ seconds_between('visits.entered_at', 'visits.left_at') }} as seconds_in_stage,
        candidacies.origin,
        candidacies.candidate_id,
        candidacies.employer_id,
        candidacies.position_id,
        candidacies.role,
        candidacies.location,
        candidacies.channel
    from visits
    inner join candidacies on visits.candidacy_id = candidacies.candidacy_id

)

select * from final
