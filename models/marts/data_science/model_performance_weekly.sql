{{ config(materialized='table') }}

with

-- Shares that a tenth has gained since the first week are those that others have lost.
weeks as (

    select
        scored_week,
        model,
        model_version,
        cast(sum(score_count) as bigint) as score_count,
        cast(sum(request_count) as bigint) as request_count,
        cast(sum(accepted_count) as bigint) as accepted_count,
        cast(sum(greatest(score_share - first_week_share, 0)) as numeric(9, 4)) as population_drift
    from {{ ref('model_calibration_weekly') }}
    group by 1, 2, 3

),

ranked as (

    select
        cast(date_trunc('week', requests.scored_at) as date) as scored_week,
        requests.model,
        requests.model_version,
        requests.score,
        case when labels.label = 'accepted' then 1 else 0 end as accepted,
        rank() over (
            partition by
                cast(date_trunc('week', requests.scored_at) as date),
                requests.model,
                requests.model_version
            order by requests.score
        ) as score_rank
    from {{ ref('fct_request_scores') }} as requests
    inner join {{ ref('training_interview_acceptance') }} as labels
        on requests.candidacy_id = labels.candidacy_id and labels.is_resolved

),

-- Requests of one score share the middle of their ranks; twice that is a whole number.
tied as (

    select
        scored_week,
        model,
        model_version,
        score,
        score_rank,
        sum(accepted) as accepted_count,
        sum(1 - accepted) as other_count,
        sum(accepted) * (2 * score_rank + count(*) - 1) as rank_sum
    from ranked
    group by 1, 2, 3, 4, 5

),

-- The share of pairs, one accepted and one not, in which the accepted one has the higher score.
areas as (

    select
        scored_week,
        model,
        model_version,
        {{ ratio(
            'sum(rank_sum) - sum(accepted_count) * (sum(accepted_count) + 1)',
            '2 * sum(accepted_count) * sum(other_count)'
        ) }} as auc
    from tied
    group by 1, 2, 3

),

final as (

    select
        weeks.scored_week,
        weeks.model,
        weeks.model_version,
        weeks.score_count,
        weeks.request_count,
        weeks.accepted_count,
        areas.auc,
        weeks.population_drift
    from weeks
    left join areas
        on
            weeks.model = areas.model
            and weeks.model_version = areas.model_version
            and weeks.scored_week = areas.scored_week

)

select * from final
