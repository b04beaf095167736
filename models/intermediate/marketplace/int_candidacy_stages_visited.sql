{{ config(
    incremental_strategy='delete+insert',
    unique_key='candidacy_id',
    dist='candidacy_id',
    sort='candidacy_id'
) }}

with

entries as {{ inlined() }} (

    select * from {{ ref('int_candidacy_stages_entered') }}

),

stages as (

    select * from {{ ref('stages') }}

),

touched as (

    select distinct candidacy_id from entries where {{ is_new() }}

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
            -- Of several entries at one moment, the stage of lower rank was entered first.
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
    from entries
    inner join touched on entries.candidacy_id = touched.candidacy_id
    inner join stages on entries.stage = stages.stage

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
    -- A candidacy is known once its opening has landed; until then its other events wait here.
    where is_opened = 1

)

select * from visits
