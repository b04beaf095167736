{{ config(materialized='table') }}

with

asked as (

    {{ entity_days('candidate') }}

),

features as (

    {{ features('candidate', 'asked') }}

),

final as (

    select
        asked.candidate_id,
        asked.feature_day,
        asked.moment as known_until,
        {{ seconds_between('features.signed_up_at', 'asked.moment') }} as seconds_since_sign_up,
        {% for column in feature_set('candidate').columns[1:] + feature_counts('candidate') %}
        features.{{ column }},
        {% endfor %}
        {{ market_columns() }}
    from asked
    inner join features
        on asked.candidate_id = features.candidate_id and asked.moment = features.moment
    {{ join_market('features') }}

)

select * from final
