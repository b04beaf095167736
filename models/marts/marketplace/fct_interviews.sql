with

interviews as (

    select * from {{ ref('int_interviews') }}

),

candidacies as (

    select * from {{ ref('int_candidacies') }}

),

final as (

    select
        interviews.interview_id,
        interviews.candidacy_id,
        candidacies.candidate_id,
        candidacies.employer_id,
        candidacies.position_id,
        candidacies.role,
        candidacies.location,
        candidacies.channel,
        interviews.stage,
        interviews.scheduled_at,
        interviews.scheduled_for,
        interviews.schedule_count,
        interviews.completed_at,
        case
            when interviews.outcome is null then 'scheduled'
            when interviews.outcome = 'no_show' then 'missed'
            else 'held'
        end as status,
        interviews.outcome,
        -- An outcome before the start is that of an interview that was moved without an event.
        case
            when interviews.completed_at >= interviews.scheduled_for
                then {{ seconds_between('interviews.scheduled_for', 'interviews.completed_at') }}
        end as seconds_to_feedback
    from interviews
    left join candidacies on interviews.candidacy_id = candidacies.candidacy_id

)

select * from final
