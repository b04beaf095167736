{{ config(
    incremental_strategy='delete+insert',
    unique_key='employer_id'
) }}

with

touched as (

    {{ touched_keys('employer_id', [
        'stg_employer_app__employer_signed_up', 'stg_employer_app__employer_profile_updated'
    ]) }}

),

sign_ups as (

    {{ first_event(
        'stg_employer_app__employer_signed_up', 'employer_id', is_touched('employer_id')
    ) }}

),

-- Sign-ups and updates both carry the whole profile; the latest of them applies.
profiles as (

    select
        employer_id,
        company_name,
        industry,
        employee_range,
        occurred_at,
        event_id,
        batch_id,
        1 as change_rank
    from {{ ref('stg_employer_app__employer_signed_up') }}
    where {{ is_touched('employer_id') }}
    union all
    select
        employer_id,
        company_name,
        industry,
        employee_range,
        occurred_at,
        event_id,
        batch_id,
        2 as change_rank
    from {{ ref('stg_employer_app__employer_profile_updated') }}
    where {{ is_touched('employer_id') }}

),

ranked_profiles as (

    select
        profiles.*,
        row_number() over (
            partition by profiles.employer_id
            order by profiles.occurred_at desc, profiles.change_rank desc, profiles.event_id desc
        ) as place_from_last,
        max(profiles.batch_id) over (partition by profiles.employer_id) as last_batch_id
    from profiles

),

employers as (

    select
        sign_ups.employer_id,
        sign_ups.occurred_at as signed_up_at,
        sign_ups.channel,
        sign_ups.country_code,
        profiles.company_name,
        profiles.industry,
        profiles.employee_range,
        profiles.last_batch_id as batch_id
    from sign_ups
    inner join ranked_profiles as profiles on sign_ups.employer_id = profiles.employer_id
    where profiles.place_from_last = 1

)

select * from employers
