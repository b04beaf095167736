{{ config(materialized='table') }}

with

days as (

    {{ feature_days() }}

),

candidates as (

    select
        candidate_id,
        min(known_from) as known_from
    from {{ ref('candidates_as_known') }}
    group by 1

),

-- From the day on whose end the sign-up is known.
asked as (

    select
        candidates.candidate_id,
        days.feature_day,
        days.moment
    from candidates
    inner join days on candidates.known_from < days.moment

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
        markets.candidate_count as market_candidate_count,
        markets.position_count as market_position_count,
        markets.salary_p25 as market_salary_p25,
        markets.salary_p50 as market_salary_p50,
        markets.salary_p75 as market_salary_p75
    from asked
    inner join features
        on asked.candidate_id = features.candidate_id and asked.moment = features.moment
    left join {{ ref('market_days') }} as markets
        on {{ is_market_of('markets', 'features', 'asked.moment') }}

)

select * from final
