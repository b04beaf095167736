{{ config(
    incremental_strategy='delete+insert',
    unique_key='employer_id'
) }}

with

touched as (

    {{ touched_keys('employer_id', ['int_employer_changes']) }}

),

numbered as (

    select
        changes.*,
        {{ running_count(
            "changes.change = 'signed_up'", 'changes.employer_id',
            'changes.occurred_at, changes.change_rank, changes.event_id'
        ) }} as sign_up_number,
        max(changes.known_at) over (
            partition by changes.employer_id
            order by changes.occurred_at, changes.change_rank, changes.event_id
            rows unbounded preceding
        ) as all_known_at,
        row_number() over (
            partition by changes.employer_id, changes.occurred_at
            order by changes.change_rank desc, changes.event_id desc
        ) as place_from_last_of_moment
    from {{ ref('int_employer_changes') }} as changes
    where {{ is_touched('employer_id', 'changes') }}

),

-- The first sign-up holds for all versions.
filled as (

    select
        employer_id,
        occurred_at,
        all_known_at,
        place_from_last_of_moment,
        company_name,
        industry,
        employee_range,
        {% for column, name in {
            'occurred_at': 'signed_up_at',
            'known_at': 'sign_up_known_at',
            'channel': 'first_channel',
            'country_code': 'first_country_code',
        }.items() %}
        max(case when change = 'signed_up' and sign_up_number = 1 then {{ column }} end)
            over (partition by employer_id) as {{ name }},
        {% endfor %}
        max(batch_id) over (partition by employer_id) as last_batch_id
    from numbered

),

versions as (

    select
        employer_id,
        occurred_at as valid_from,
        lead(occurred_at) over (partition by employer_id order by occurred_at) as valid_to,
        greatest(all_known_at, sign_up_known_at) as known_from,
        signed_up_at,
        first_channel as channel,
        first_country_code as country_code,
        company_name,
        industry,
        employee_range,
        last_batch_id as batch_id
    from filled
    -- Changes of the same moment form one version; an employer is known once the sign-up has
    -- landed.
    where place_from_last_of_moment = 1 and signed_up_at is not null

)

select * from versions
