-- depends_on: {{ ref('stg_landing__copies') }}
-- Its highest batch is what models read up to: staging views show the rows of its batches only.
-- It is built after stg_landing__copies, so that no row counts before it is known to be no copy.
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
    -- A batch without a commit has crashed or is still running: its rows do not count.
    where committed_at is not null and {{ is_new() }}

)

select * from committed
