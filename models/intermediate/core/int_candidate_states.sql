{{ config(incremental_strategy='delete+insert', unique_key='candidate_id') }}

with

touched as (

    {{ touched_keys('candidate_id', ['int_candidate_changes']) }}

),

-- A clock that runs ahead tells of a change before it holds.
changes as (

    select
        changes.*,
        greatest(changes.known_at, changes.occurred_at) as known_from,
        max(changes.batch_id) over (partition by changes.candidate_id) as last_batch_id
    from {{ ref('int_candidate_changes') }} as changes
    where {{ is_touched('candidate_id', 'changes') }}

),

known as (

    {{ known_by_moment('candidate_id', 'changes') }}

),

-- By each moment, the latest change of each kind among those known by then.
ranked as (

    select
        *,
        min(case when change = 'signed_up' then occurred_at end)
            over (partition by candidate_id, moment) as signed_up_at,
        row_number() over (
            partition by candidate_id, moment, change
            order by occurred_at desc, event_id desc
        ) as place
    from known

),

states as (

    select
        candidate_id,
        moment as known_from,
        known_to,
        min(signed_up_at) as signed_up_at,
        max(role) as role,
        max(location) as location,
        max(years_experience) as years_experience,
        max(remote_preference) as remote_preference,
        max(min_base_salary) as min_base_salary,
        max(currency) as currency,
        max(review_decision) as review_decision,
        max(availability) as availability,
        max(last_batch_id) as batch_id
    from ranked
    where place = 1
    group by 1, 2, 3

),

final as (

    select
        candidate_id,
        known_from,
        known_to,
        signed_up_at,
        role,
        location,
        years_experience,
        remote_preference,
        min_base_salary,
        currency,
        review_decision,
        availability,
        coalesce(review_decision = 'accepted', false)
        and coalesce(availability <> 'unavailable', true) as is_searchable,
        batch_id
    from states
    where signed_up_at is not null

)

select * from final
