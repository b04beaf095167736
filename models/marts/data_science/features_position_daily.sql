{{ config(materialized='table') }}

with

days as (

    {{ feature_days() }}

),

-- A position has rows while it is known to be open, and one on the day its closing is known.
asked as (

    select distinct
        states.position_id,
        days.feature_day,
        days.moment
    from {{ ref('positions_as_known') }} as states
    inner join days
        on
            states.known_from < days.moment
            and coalesce(cast(states.known_to as date) >= days.feature_day, true)
    where not states.is_closed

),

features as (

    {{ features('position', 'asked') }}

),

final as (

    select
        asked.position_id,
        asked.feature_day,
        asked.moment as known_until,
        features.employer_id,
        {{ seconds_between('features.opened_at', 'asked.moment') }} as seconds_since_opening,
        {% for column in feature_set('position').columns[2:] + feature_counts('position') %}
        features.{{ column }},
        {% endfor %}
        {{ market_columns() }}
    from asked
    inner join features
        on asked.position_id = features.position_id and asked.moment = features.moment
    {{ join_market('features') }}

)

select * from final
