{{ config(materialized='table') }}

with

supply as (

    select * from {{ ref('supply_weekly') }}

),

demand as (

    select * from {{ ref('demand_weekly') }}

),

joined as (

    select
        coalesce(supply.supply_week, demand.demand_week) as liquidity_week,
        coalesce(supply.role, demand.role) as role,
        coalesce(supply.location, demand.location) as location,
        coalesce(supply.searchable_count, 0) as searchable_count,
        coalesce(supply.requested_count, 0) as requested_count,
        coalesce(demand.open_position_count, 0) as open_position_count,
        coalesce(demand.top_ten_position_count, 0) as top_ten_position_count
    from supply
    full outer join demand
        on
            supply.supply_week = demand.demand_week
            and supply.role = demand.role
            and supply.location = demand.location

),

final as (

    select
        liquidity_week,
        role,
        location,
        searchable_count,
        requested_count,
        {{ ratio('requested_count', 'searchable_count') }} as utilisation_ratio,
        open_position_count,
        {{ ratio('searchable_count', 'open_position_count', 'numeric(18, 4)') }}
            as supply_per_position,
        top_ten_position_count,
        {{ ratio('top_ten_position_count', 'open_position_count') }} as top_ten_ratio
    from joined

)

select * from final
