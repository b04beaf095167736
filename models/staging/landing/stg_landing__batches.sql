-- The highest batch in here is this run's ceiling: every staging model reads up to it, so that all
-- models of a run tell of the same events while landing goes on.
{{ config(materialized='table') }}

with

batches as (

    select * from {{ source('landing', 'batches') }}

),

committed as (

    select
        batch_id,
        started_at,
        committed_at,
        inputs,
        line_count,
        event_count,
        failed_count,
        unknown_property_count
    from batches
    -- A batch without a commit crashed or is still running: its rows do not count.
    where committed_at is not null

)

select * from committed
