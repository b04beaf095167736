{{ config(materialized='table') }}

with

sign_ups as (

    select
        sign_ups.account_id as employer_id,
        sign_ups.person_id,
        cast(date_trunc('week', sign_ups.signed_up_at) as date) as signed_up_week,
        as_of.ends_at
    from {{ ref('fct_sign_ups') }} as sign_ups
    inner join {{ ref('data_as_of') }} as as_of on sign_ups.signed_up_at < as_of.ends_at
    where sign_ups.account_kind = 'employer'

),

happened as (

    {% for what, moment, model in [
        ('active', 'searched_at', 'fct_searches'),
        ('active', 'opened_at', 'dim_positions'),
        ('active', 'requested_at', 'fct_candidacies'),
        ('requested', 'requested_at', 'fct_candidacies'),
        ('hired', 'hired_at', 'fct_candidacies'),
    ] %}
    select
        employer_id,
        {{ moment }} as happened_at,
        '{{ what }}' as what
    from {{ ref(model) }}
    union all
    {% endfor %}
    select
        sign_ups.employer_id,
        page_views.viewed_at as happened_at,
        'active' as what
    from sign_ups
    inner join {{ ref('int_session_page_views') }} as page_views
        on sign_ups.person_id = page_views.person_id

),

-- What an employer did several times in a week counts once.
weekly as (

    select distinct
        sign_ups.employer_id,
        sign_ups.signed_up_week,
        cast(date_trunc('week', happened.happened_at) as date) as week_start,
        happened.what
    from sign_ups
    inner join happened
        on sign_ups.employer_id = happened.employer_id and sign_ups.ends_at > happened.happened_at

),

cohort_weeks as (

    {{ cohort_weeks('sign_ups') }}

),

counted as (

    select
        weeks.signed_up_week,
        weeks.week_start,
        weeks.weeks_since,
        weeks.account_count as employer_count,
        count(case when weekly.what = 'active' then 1 end) as active_count,
        count(case when weekly.what = 'requested' then 1 end) as requested_count,
        count(case when weekly.what = 'hired' then 1 end) as hired_count
    from cohort_weeks as weeks
    left join weekly
        on weeks.signed_up_week = weekly.signed_up_week and weeks.week_start = weekly.week_start
    group by 1, 2, 3, 4

),

final as (

    select
        signed_up_week,
        week_start,
        weeks_since,
        employer_count,
        active_count,
        {{ ratio('active_count', 'employer_count') }} as active_ratio,
        requested_count,
        {{ ratio('requested_count', 'employer_count') }} as requested_ratio,
        hired_count,
        {{ ratio('hired_count', 'employer_count') }} as hired_ratio
    from counted

)

select * from final
