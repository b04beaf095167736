{{ config(
    incremental_strategy='delete+insert',
    unique_key='employer_id',
    dist='employer_id',
    sort='employer_id'
) }}

with

sign_ups as {{ inlined() }} (

    select * from {{ ref('stg_employer_app__employer_signed_up') }}

),

updates as {{ inlined() }} (

    select * from {{ ref('stg_employer_app__employer_profile_updated') }}

),

touched as (

    select employer_id from sign_ups where {{ is_new() }}
    union
    select employer_id from updates where {{ is_new() }}

),

-- A sign-up and an update carry the same whole profile; the last of either holds.
profiles as (

    select
        sign_ups.employer_id,
        sign_ups.company_name,
        sign_ups.industry,
        sign_ups.employee_range,
        sign_ups.occurred_at,
        sign_ups.event_id,
        sign_ups.batch_id,
        1 as change_rank
    from sign_ups
    inner join touched on sign_ups.employer_id = touched.employer_id
    union all
    select
        updates.employer_id,
        updates.company_name,
        updates.industry,
        updates.employee_range,
        updates.occurred_at,
        updates.event_id,
        updates.batch_id,
        2 as change_rank
    from updates
    inner join touched on updates.employer_id = touched.employer_id

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

ranked_sign_ups as (

    select
        sign_ups.*,
        row_number() over (
            partition by sign_ups.employer_id order by sign_ups.occurred_at, sign_ups.event_id
        ) as place
    from sign_ups
    inner join touched on sign_ups.employer_id = touched.employer_id

),

joined as (

    select
        ranked_sign_ups.employer_id,
        ranked_sign_ups.occurred_at as signed_up_at,
        ranked_sign_ups.channel,
        ranked_sign_ups.country_code,
        ranked_profiles.company_name,
        ranked_profiles.industry,
        ranked_profiles.employee_range,
        ranked_profiles.last_batch_id as batch_id
    from ranked_sign_ups
    inner join ranked_profiles
        on
            ranked_sign_ups.employer_id = ranked_profiles.employer_id
            and ranked_profiles.place_from_last = 1
    where ranked_sign_ups.place = 1

)

select * from joined
