{{ config(materialized='table') }}

-- What may happen after an exposure: the account it happens to, and when.
{% set goals = [
    ('candidate_sign_up', 'dim_candidates', 'candidate_id', 'signed_up_at'),
    ('employer_sign_up', 'dim_employers', 'employer_id', 'signed_up_at'),
    ('application', 'fct_candidacies', 'candidate_id', 'applied_at'),
    ('interview_request', 'fct_interview_requests', 'employer_id', 'requested_at'),
    ('hire', 'fct_candidacies', 'candidate_id', 'hired_at'),
] %}

with

reached as (

    {% for goal, model, account, moment in goals %}
    select
        {{ account }} as account_id,
        cast('{{ goal }}' as varchar(20)) as goal,
        max({{ moment }}) as reached_at
    from {{ ref(model) }}
    where {{ moment }} is not null
    group by 1
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

-- Whoever reached a goal at or after an exposure did so the last time.
persons as (

    select
        coalesce(ids.person_id, reached.account_id) as person_id,
        reached.goal,
        max(reached.reached_at) as last_reached_at
    from reached
    left join {{ ref('person_ids') }} as ids on reached.account_id = ids.id
    group by 1, 2

),

goals as (

    {% for goal, _, _, _ in goals %}
    select cast('{{ goal }}' as varchar(20)) as goal
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

counted as (

    select
        exposures.experiment_name,
        exposures.variant,
        goals.goal,
        count(case when exposures.variant_count = 1 then 1 end) as exposed_count,
        count(case when exposures.variant_count > 1 then 1 end) as excluded_count,
        count(
            case
                when
                    exposures.variant_count = 1
                    and persons.last_reached_at >= exposures.first_exposed_at
                    then 1
            end
        ) as converted_count
    from {{ ref('fct_experiment_exposures') }} as exposures
    cross join goals
    left join persons
        on exposures.person_id = persons.person_id and goals.goal = persons.goal
    group by 1, 2, 3

)

select * from counted
