{{ config(
    incremental_strategy='delete+insert',
    unique_key='counted_on'
) }}

with

touched as (

    {{ touched_keys('counted_on', ['stg_production__production_counted']) }}

),

ranked as (

    select
        counts.*,
        row_number() over (
            partition by counts.counted_on, counts.entity, counts.currency
            order by counts.occurred_at desc, counts.event_id desc
        ) as place_from_last,
        max(counts.batch_id) over (partition by counts.counted_on) as last_batch_id
    from {{ ref('stg_production__production_counted') }} as counts
    where {{ is_touched('counted_on', 'counts') }}

),

corrected as (

    select
        counted_on,
        entity,
        currency,
        row_count,
        amount,
        occurred_at as counted_at,
        last_batch_id as batch_id
    from ranked
    where place_from_last = 1

)

select * from corrected
