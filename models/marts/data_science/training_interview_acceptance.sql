{{ config(materialized='table') }}

with

requests as (

    {{ first_known('request', 'candidacy_id') }}

),

answers as (

    {{ first_known_answer('requests', 'candidacy_id', ['acceptance', 'decline'], 14) }}

),

{% for entity in ['candidate', 'employer', 'position'] %}
{{ entity }}s as (

    {{ features(entity, 'requests') }}

),

{% endfor %}
final as (

    select
        requests.candidacy_id,
        requests.candidate_id,
        requests.employer_id,
        requests.position_id,
        requests.moment as requested_at,
        requests.known_at,
        requests.base_salary,
        requests.currency,
        {{ label_columns('requests', 'answers', 'acceptance', 14) }},
        {{ training_columns('requests') }}
    from requests
    inner join {{ ref('data_as_of') }} as as_of on requests.known_at < as_of.ends_at
    left join answers on requests.candidacy_id = answers.candidacy_id
    {{ join_features('requests') }}

)

select * from final
