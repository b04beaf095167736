{{ config(materialized='table') }}

with

offers as (

    {{ first_known('offer', 'offer_id') }}

),

answers as (

    {{ first_known_answer('offers', 'offer_id', ['hire', 'offer_decline'], 14) }}

),

{% for entity in ['candidate', 'employer', 'position'] %}
{{ entity }}s as (

    {{ features(entity, 'offers') }}

),

{% endfor %}
final as (

    select
        offers.offer_id,
        offers.candidacy_id,
        offers.candidate_id,
        offers.employer_id,
        offers.position_id,
        offers.moment as offered_at,
        offers.known_at,
        offers.base_salary,
        offers.currency,
        {{ label_columns('offers', 'answers', 'hire', 14) }},
        {{ training_columns('offers') }}
    from offers
    inner join {{ ref('data_as_of') }} as as_of on offers.known_at < as_of.ends_at
    left join answers on offers.offer_id = answers.offer_id
    {{ join_features('offers') }}

)

select * from final
