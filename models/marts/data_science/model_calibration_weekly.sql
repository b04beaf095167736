{{ config(materialized='table') }}

with

-- Whole millionths, so that bands and sums are the same on every engine.
scores as (

    select
        scored_week,
        model,
        model_version,
        {{ band('cast(least(score, 0.999999) * 1000000 as bigint)', 100000) }} as tenth,
        count(*) as score_count
    from {{ ref('fct_scores') }}
    group by 1, 2, 3, 4

),

weeks as (

    select
        scores.*,
        sum(scores.score_count) over (
            partition by scores.model, scores.model_version, scores.scored_week
        ) as week_count,
        min(scores.scored_week) over (
            partition by scores.model, scores.model_version
        ) as first_week
    from scores

),

-- Of requests that were sent after a score, with the label of 14 days later.
outcomes as (

    select
        cast(date_trunc('week', requests.scored_at) as date) as scored_week,
        requests.model,
        requests.model_version,
        {{ band('cast(least(requests.score, 0.999999) * 1000000 as bigint)', 100000) }}
            as tenth,
        count(*) as request_count,
        count(case when labels.label = 'accepted' then 1 end) as accepted_count,
        sum(cast(requests.score * 1000000 as bigint)) as score_sum
    from {{ ref('fct_request_scores') }} as requests
    inner join {{ ref('training_interview_acceptance') }} as labels
        on requests.candidacy_id = labels.candidacy_id and labels.is_resolved
    group by 1, 2, 3, 4

),

final as (

    select
        weeks.scored_week,
        weeks.model,
        weeks.model_version,
        cast(weeks.tenth * 0.000001 as numeric(2, 1)) as score_from,
        weeks.score_count,
        {{ ratio('weeks.score_count', 'weeks.week_count') }} as score_share,
        cast(
            coalesce({{ ratio('firsts.score_count', 'firsts.week_count') }}, 0) as numeric(9, 4)
        ) as first_week_share,
        coalesce(outcomes.request_count, 0) as request_count,
        coalesce(outcomes.accepted_count, 0) as accepted_count,
        {{ ratio('outcomes.accepted_count', 'outcomes.request_count') }} as acceptance_rate,
        {{ ratio('outcomes.score_sum', 'outcomes.request_count * 1000000') }} as mean_score
    from weeks
    left join weeks as firsts
        on
            weeks.model = firsts.model
            and weeks.model_version = firsts.model_version
            and weeks.first_week = firsts.scored_week
            and weeks.tenth = firsts.tenth
    left join outcomes
        on
            weeks.model = outcomes.model
            and weeks.model_version = outcomes.model_version
            and weeks.scored_week = outcomes.scored_week
            and weeks.tenth = outcomes.tenth

)

select * from final
