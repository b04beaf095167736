{{ config(materialized='table') }}

{% set actual_left = "count(case when basis = 'actual' then 1 end)" %}
{% set actual_forward = "count(case when basis = 'actual' and is_forward = 1 then 1 end)" %}
{% set implied_left = actual_left.replace('actual', 'implied') %}
{% set implied_forward = actual_forward.replace('actual', 'implied') %}

with

visits as (

    select
        coalesce(candidacies.role, 'unknown') as role,
        candidacies.origin,
        visits.stage,
        visits.stage_rank,
        visits.milestone,
        visits.entered_at,
        visits.left_at,
        lead(case when visits.milestone <> 'closed' then visits.stage_rank end) over (
            partition by visits.candidacy_id order by visits.entry_number
        ) as next_rank,
        -- The furthest stage before, closings apart: a candidacy may have been opened again.
        max(case when visits.milestone <> 'closed' then visits.stage_rank end) over (
            partition by visits.candidacy_id order by visits.entry_number
            rows between unbounded preceding and 1 preceding
        ) as reached_rank
    from {{ ref('int_candidacy_stage_visits') }} as visits
    inner join {{ ref('int_candidacies') }} as candidacies
        on visits.candidacy_id = candidacies.candidacy_id

),

-- The stages that candidacies of a role and origin go through.
stages as (

    select distinct
        role,
        origin,
        stage,
        stage_rank
    from visits

),

moves as (

    select
        cast(date_trunc('month', left_at) as date) as left_month,
        role,
        origin,
        stage,
        stage_rank,
        'actual' as basis,
        case when next_rank > stage_rank then 1 else 0 end as is_forward
    from visits
    where left_at is not null and milestone <> 'closed'
    union all
    -- Who gets further than before passes all stages in between, visited or not. Who is closed for
    -- good leaves the furthest one.
    select
        cast(date_trunc('month', visits.entered_at) as date) as left_month,
        visits.role,
        visits.origin,
        stages.stage,
        stages.stage_rank,
        'implied' as basis,
        case when visits.milestone <> 'closed' then 1 else 0 end as is_forward
    from visits
    inner join stages on visits.role = stages.role and visits.origin = stages.origin
    where
        visits.reached_rank <= stages.stage_rank
        and case
            when visits.milestone <> 'closed' then visits.stage_rank > stages.stage_rank
            else visits.left_at is null and visits.reached_rank = stages.stage_rank
        end

),

counted as (

    select
        left_month,
        role,
        origin,
        stage,
        stage_rank,
        {{ actual_left }} as actual_left_count,
        {{ actual_forward }} as actual_forward_count,
        {{ ratio(actual_forward, actual_left) }} as actual_forward_ratio,
        {{ implied_left }} as implied_left_count,
        {{ implied_forward }} as implied_forward_count,
        {{ ratio(implied_forward, implied_left) }} as implied_forward_ratio
    from moves
    group by 1, 2, 3, 4, 5

)

select * from counted
