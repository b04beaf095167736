-- Warns of each day, entity and currency that production counted otherwise than the marts do. The
-- newest day may still have events on their way, so it is judged when the next one is counted.
{{ config(severity='warn') }}

with

compared as (

    select
        reconciliation.*,
        max(reconciliation.counted_on) over () as newest_on
    from {{ ref('reconciliation') }} as reconciliation

)

select * from compared
where status <> 'equal' and counted_on < newest_on
