{{ config(
    incremental_strategy='delete+insert',
    unique_key='requested_week'
) }}

with

-- All visits of a changed candidacy carry its latest batch, so these are all weeks in which one of
-- them may have been counted so far; a role may also become known without a visit. A week that
-- becomes empty keeps a row of zeros.
touched as (

    select cast(date_trunc('week', entered_at) as date) as requested_week
    from {{ ref('int_candidacy_stage_visits') }}
    where stage = 'requested' and {{ is_changed() }}
    union
    select cast(date_trunc('week', requested_at) as date) as requested_week
    from {{ ref('int_interview_requests') }}
    where {{ is_changed() }}
    union
    select cast(date_trunc('week', requested_at) as date) as requested_week
    from {{ ref('int_interview_requests') }}
    where candidacy_id in ({{ touched_keys('candidacy_id', ['int_candidacy_attributes']) }})

),

requests as (

    select
        touched.requested_week,
        coalesce(attributes.role, 'unknown') as role,
        requests.candidacy_id,
        requests.answer,
        {{ seconds_between('requests.requested_at', 'requests.answered_at') }} as seconds_to_answer,
        greatest(requests.batch_id, coalesce(attributes.batch_id, 0)) as batch_id
    from touched
    left join {{ ref('int_interview_requests') }} as requests
        on touched.requested_week = cast(date_trunc('week', requests.requested_at) as date)
    left join {{ ref('int_candidacy_attributes') }} as attributes
        on requests.candidacy_id = attributes.candidacy_id

),

-- Requests without an answer come last, so that they don't affect the ranks of the others.
ranked as (

    select
        requests.*,
        row_number() over (
            partition by requests.requested_week, requests.role
            order by case when requests.answer is null then 1 else 0 end, requests.seconds_to_answer
        ) as value_rank,
        count(requests.answer) over (
            partition by requests.requested_week, requests.role
        ) as value_count
    from requests

),

timed as (

    select
        requested_week,
        role,
        count(candidacy_id) as request_count,
        count(answer) as answer_count,
        count(case when answer = 'accepted' then 1 end) as accepted_count,
        {{ percentile('seconds_to_answer', 50) }} as median_seconds_to_answer,
        {{ percentile('seconds_to_answer', 90) }} as p90_seconds_to_answer,
        coalesce(max(batch_id), 0) as batch_id
    from ranked
    group by 1, 2

)

select * from timed
