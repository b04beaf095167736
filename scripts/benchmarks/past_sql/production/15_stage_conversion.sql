with entries as (
    select
        id as candidacy_id,
        case origin when 'application' then 'applied' else 'requested' end as stage,
        created_at as entered_at
    from candidacies
    union all
    select candidacy_id, 'accepted', answered_at from interview_requests where answer = 'accepted'
    union all
    select stage_transitions.candidacy_id, stages.name, stage_transitions.created_at
    from stage_transitions
    join stages on stage_transitions.stage_id = stages.id
    union all
    select candidacy_id, 'offered', created_at from offers
    union all
    select candidacy_id, 'hired', answered_at from offers where answer = 'accepted'
    union all
    select candidacy_id, 'started', created_at from placements
    union all
    select id, 'closed', closed_at from candidacies where closed_at is not null
),

visits as (
    select
        stages.name as stage,
        stages.rank,
        stages.milestone,
        lead(entries.entered_at) over following as left_at,
        lead(stages.rank) over following as next_rank,
        lead(stages.milestone) over following as next_milestone
    from entries
    join stages on entries.stage = stages.name
    window following as (
        partition by entries.candidacy_id order by entries.entered_at, stages.rank
    )
)

select
    cast(date_trunc('month', left_at) as date) as left_month,
    stage,
    count(*) as left_stage,
    count(*) filter (where next_rank > rank and next_milestone <> 'closed') as moved_on
from visits
where left_at is not null and milestone <> 'closed'
group by 1, 2
order by 1, 2
