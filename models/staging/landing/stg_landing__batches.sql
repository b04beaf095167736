-- depends_on: {{ ref('stg_landing__copies') }}
-- Its highest batch is what models read up to: all staging views show its batches and no others.
-- It follows the model of copies, so that no row counts before it is known whether it is a copy.
{{ config(incremental_strategy='append') }}

with

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
    from {{ source('landing', 'batches') }}
    -- A batch without a commit crashed or is still running: its rows do not count.
    where committed_at is not null and {{ is_new() }}

)

select * from committed
