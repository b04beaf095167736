{{ config(materialized='table') }}

with

asked as (

    {{ entity_days('employer') }}

),

features as (

    {{ features('employer', 'asked') }}

),

-- The markets of the employer's open positions.
markets as (

    select
        employer_id,
        feature_day,
        count(*) as open_position_count,
        min(market_candidate_count) as least_market_candidate_count,
        max(market_candidate_count) as most_market_candidate_count
    from {{ ref('features_position_daily') }}
    where not is_closed
    group by 1, 2

),

final as (

    select
        asked.employer_id,
        asked.feature_day,
        asked.moment as known_until,
        {{ seconds_between('features.signed_up_at', 'asked.moment') }} as seconds_since_sign_up,
        {% for column in feature_set('employer').columns[1:] + feature_counts('employer') %}
        features.{{ column }},
        {% endfor %}
        coalesce(markets.open_position_count, 0) as open_position_count,
        markets.least_market_candidate_count,
        markets.most_market_candidate_count
    from asked
    inner join features
        on asked.employer_id = features.employer_id and asked.moment = features.moment
    left join markets
        on asked.employer_id = markets.employer_id and asked.feature_day = markets.feature_day

)

select * from final
