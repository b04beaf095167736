-- Warns of each day, entity and currency for which the counts of production and of the marts
-- differ. The newest day may still have events on their way, so it is tested once the next day is
-- counted.
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
