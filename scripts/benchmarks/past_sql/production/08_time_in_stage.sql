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
        entries.stage,
        entries.entered_at,
        lead(entries.entered_at) over (
            partition by entries.candidacy_id order by entries.entered_at, stages.rank
        ) as left_at
    from entries
    join stages on entries.stage = stages.name
),

timed as (
    select
        stage,
        cast(date_trunc('month', left_at) as date) as left_month,
        cast(
            extract(epoch from date_trunc('second', left_at))
            - extract(epoch from date_trunc('second', entered_at)) as bigint
        ) as seconds
    from visits
    where left_at is not null
)

select
    left_month,
    stage,
    count(*) as visits,
    sum(seconds) as seconds,
    percentile_disc(0.5) within group (order by seconds) as median_seconds,
    percentile_disc(0.9) within group (order by seconds) as p90_seconds
from timed
group by 1, 2
order by 1, 2
