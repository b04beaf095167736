{{ config(
    incremental_strategy='delete+insert',
    unique_key='candidate_id'
) }}

with

touched as (

    {{ touched_keys('candidate_id', ['int_candidate_changes']) }}

),

-- Each kind of change carries its whole state. The number of changes of a kind up to a row tells
-- which of them applies there, and each group of that number has the values of exactly one change.
numbered as (

    select
        changes.*,
        {% for kind in [
            'signed_up', 'profile_submitted', 'review_decided', 'availability_changed'
        ] %}
        {{ running_count(
            "changes.change = '" ~ kind ~ "'", 'changes.candidate_id',
            'changes.occurred_at, changes.change_rank, changes.event_id'
        ) }} as {{ kind }}_number,
        {% endfor %}
        row_number() over (
            partition by changes.candidate_id, changes.occurred_at
            order by changes.change_rank desc, changes.event_id desc
        ) as place_from_last_of_moment
    from {{ ref('int_candidate_changes') }} as changes
    where {{ is_touched('candidate_id', 'changes') }}

),

filled as (

    select
        candidate_id,
        occurred_at as valid_from,
        received_at,
        place_from_last_of_moment,
        min(case when change = 'signed_up' then occurred_at end)
            over (partition by candidate_id) as signed_up_at,
        max(case when signed_up_number = 1 then channel end)
            over (partition by candidate_id) as channel,
        max(case when signed_up_number = 1 then country_code end)
            over (partition by candidate_id) as country_code,
        max(role) over (partition by candidate_id, profile_submitted_number) as role,
        max(years_experience)
            over (partition by candidate_id, profile_submitted_number) as years_experience,
        max(location) over (partition by candidate_id, profile_submitted_number) as location,
        max(remote_preference)
            over (partition by candidate_id, profile_submitted_number) as remote_preference,
        max(min_base_salary)
            over (partition by candidate_id, profile_submitted_number) as min_base_salary,
        max(currency) over (partition by candidate_id, profile_submitted_number) as currency,
        max(review_decision)
            over (partition by candidate_id, review_decided_number) as review_decision,
        max(availability)
            over (partition by candidate_id, availability_changed_number) as availability,
        max(available_from)
            over (partition by candidate_id, availability_changed_number) as available_from,
        max(batch_id) over (partition by candidate_id) as batch_id
    from numbered

),

versions as (

    select
        candidate_id,
        valid_from,
        lead(valid_from) over (partition by candidate_id order by valid_from) as valid_to,
        signed_up_at,
        channel,
        country_code,
        role,
        years_experience,
        location,
        remote_preference,
        min_base_salary,
        currency,
        review_decision,
        availability,
        available_from,
        coalesce(review_decision = 'accepted', false)
        and coalesce(availability <> 'unavailable', true) as is_searchable,
        received_at,
        batch_id
    from filled
    -- Changes of the same moment form one version; a candidate is known once the sign-up has
    -- landed.
    where place_from_last_of_moment = 1 and signed_up_at is not null

)

select * from versions
