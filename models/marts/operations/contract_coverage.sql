-- Not a view: when PostgreSQL replaces a view, it drops everything downstream until that is
-- rebuilt.
{{ config(materialized='table') }}

with

covered as (

    select
        covered.*,
        -- Lately means within 30 days: of the newest event of all, or of the newest event of this
        -- kind.
        {{ dbt.dateadd('day', -30, 'max(covered.event_last_on) over ()') }} as event_lately_from,
        {{ dbt.dateadd('day', -30, 'covered.event_last_on') }} as property_lately_from
    from {{ ref('int_property_coverage') }} as covered

),

final as (

    select
        event,
        version,
        property,
        cast(
            case
                when not is_contracted then 'not_contracted'
                when event_count = 0 then 'event_never_seen'
                when event_last_on < event_lately_from then 'event_not_lately_seen'
                when seen_count = 0 then 'never_seen'
                when last_seen_on < property_lately_from then 'not_lately_seen'
                else 'seen'
            end as varchar(21)
        ) as coverage,
        is_contracted,
        is_required,
        event_count,
        event_last_on,
        seen_count,
        {{ ratio('seen_count', 'event_count') }} as seen_ratio,
        last_seen_on
    from covered

)

select * from final
