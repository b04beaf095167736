{{ config(
    incremental_strategy='delete+insert',
    unique_key='requested_week',
    dist='requested_week',
    sort='requested_week'
) }}

with

requests as {{ inlined() }} (

    select * from {{ ref('int_interview_requests_answered') }}

),

described as {{ inlined() }} (

    select * from {{ ref('int_candidacies_described') }}

),

-- All visits of a changed candidacy carry its last batch, so this is every week that one of them
-- may have been counted in until now; a role may also come to be known without a visit. A week
-- that is left empty keeps a row of zeros.
touched as (

    select cast(date_trunc('week', entered_at) as date) as requested_week
    from {{ ref('int_candidacy_stages_visited') }}
    where stage = 'requested' and {{ is_new() }}
    union
    select cast(date_trunc('week', requested_at) as date) as requested_week
    from requests
    where {{ is_new() }}
    union
    select cast(date_trunc('week', requests.requested_at) as date) as requested_week
    from requests
    inner join described on requests.candidacy_id = described.candidacy_id
    where {{ is_new('described') }}

),

timed_requests as (

    select
        touched.requested_week,
        coalesce(described.role, 'unknown') as role,
        requests.candidacy_id,
        requests.answer,
        {{ seconds_between('requests.requested_at', 'requests.answered_at') }} as seconds_to_answer,
        greatest(requests.batch_id, coalesce(described.batch_id, 0)) as batch_id
    from touched
    left join requests
        on touched.requested_week = cast(date_trunc('week', requests.requested_at) as date)
    left join described on requests.candidacy_id = described.candidacy_id

),

ranked as (

    select
        timed_requests.*,
        row_number() over (
            partition by
                timed_requests.requested_week,
                timed_requests.role,
                case when timed_requests.answer is not null then 1 else 0 end
            order by timed_requests.seconds_to_answer
        ) as value_rank,
        count(timed_requests.answer) over (
            partition by timed_requests.requested_week, timed_requests.role
        ) as value_count
    from timed_requests

),

timed as (

    select
        requested_week,
        role,
        count(candidacy_id) as request_count,
        count(answer) as answer_count,
        count(case when answer = 'accepted' then 1 end) as acceptance_count,
        {{ percentile('seconds_to_answer', 50) }} as median_seconds_to_answer,
        {{ percentile('seconds_to_answer', 90) }} as p90_seconds_to_answer,
        coalesce(max(batch_id), 0) as batch_id
    from ranked
    group by 1, 2

)

select * from timed
