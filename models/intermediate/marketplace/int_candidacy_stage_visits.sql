{{ config(
    incremental_strategy='delete+insert',
    unique_key='candidacy_id'
) }}

with

touched as (

    {{ touched_keys('candidacy_id', ['int_candidacy_stage_entries']) }}

),

ordered as (

    select
        entries.candidacy_id,
        entries.event_id,
        entries.stage,
        stages.rank as stage_rank,
        stages.milestone,
        entries.occurred_at as entered_at,
        entries.closing_reason,
        lead(entries.occurred_at) over (
            partition by entries.candidacy_id
            -- Of several entries at the same moment, the stage of lower rank was entered first.
            order by entries.occurred_at, stages.rank, entries.event_id
        ) as left_at,
        row_number() over (
            partition by entries.candidacy_id
            order by entries.occurred_at, stages.rank, entries.event_id
        ) as entry_number,
        row_number() over (
            partition by entries.candidacy_id, entries.stage
            order by entries.occurred_at, entries.event_id
        ) as visit_number,
        max(case when stages.milestone = 'opened' then 1 else 0 end)
            over (partition by entries.candidacy_id) as is_opened,
        max(entries.batch_id) over (partition by entries.candidacy_id) as batch_id
    from {{ ref('int_candidacy_stage_entries') }} as entries
    inner join {{ ref('stages') }} as stages on entries.stage = stages.stage
    where {{ is_touched('candidacy_id', 'entries') }}

),

visits as (

    select
        candidacy_id,
        event_id,
        stage,
        stage_rank,
        milestone,
        entry_number,
        visit_number,
        entered_at,
        left_at,
        closing_reason,
        batch_id
    from ordered
    -- A candidacy is known once its opening has landed; until then its other events are left out.
    where is_opened = 1

)

select * from visits
