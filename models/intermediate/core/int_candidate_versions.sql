{{ config(incremental_strategy='delete+insert', unique_key='candidate_id') }}

-- Each kind of change, and the columns that the latest change of the kind says.
{% set kinds = {
    'signed_up': [],
    'profile_submitted': [
        'role', 'years_experience', 'location', 'remote_preference', 'min_base_salary', 'currency'
    ],
    'review_decided': ['review_decision'],
    'availability_changed': ['availability', 'available_from'],
} %}

with

touched as (

    {{ touched_keys('candidate_id', ['int_candidate_changes']) }}

),

-- Each kind of change carries its whole state. The number of changes of a kind up to a row tells
-- which of them applies there, and each group of that number has the values of exactly one change.
numbered as (

    select
        changes.*,
        {% for kind in kinds %}
        {{ running_count(
            "changes.change = '" ~ kind ~ "'", 'changes.candidate_id',
            'changes.occurred_at, changes.change_rank, changes.event_id'
        ) }} as {{ kind }}_number,
        {% endfor %}
        max(changes.known_at) over (
            partition by changes.candidate_id
            order by changes.occurred_at, changes.change_rank, changes.event_id
            rows unbounded preceding
        ) as all_known_at,
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
        all_known_at,
        {% for column, name in {
            'occurred_at': 'signed_up_at', 'known_at': 'sign_up_known_at',
            'channel': 'channel', 'country_code': 'country_code',
        }.items() %}
        max(case when change = 'signed_up' and signed_up_number = 1 then {{ column }} end)
            over (partition by candidate_id) as {{ name }},
        {% endfor %}
        {% for kind, columns in kinds.items() %}{% for column in columns %}
        max({{ column }}) over (partition by candidate_id, {{ kind }}_number) as {{ column }},
        {% endfor %}{% endfor %}
        max(batch_id) over (partition by candidate_id) as batch_id
    from numbered

),

versions as (

    select
        candidate_id,
        valid_from,
        lead(valid_from) over (partition by candidate_id order by valid_from) as valid_to,
        greatest(all_known_at, sign_up_known_at) as known_from,
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
