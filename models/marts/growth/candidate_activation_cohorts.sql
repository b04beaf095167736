{{ config(materialized='table') }}

with

sign_ups as (

    select
        sign_ups.account_id as candidate_id,
        sign_ups.person_id,
        cast(date_trunc('week', sign_ups.signed_up_at) as date) as signed_up_week,
        as_of.ends_at
    from {{ ref('fct_sign_ups') }} as sign_ups
    inner join {{ ref('data_as_of') }} as as_of on sign_ups.signed_up_at < as_of.ends_at
    where sign_ups.account_kind = 'candidate'

),

happened as (

    select distinct
        sign_ups.candidate_id,
        sign_ups.signed_up_week,
        cast(date_trunc('week', page_views.viewed_at) as date) as week_start,
        'active' as what
    from sign_ups
    inner join {{ ref('int_session_page_views') }} as page_views
        on sign_ups.person_id = page_views.person_id and sign_ups.ends_at > page_views.viewed_at
    {% for what in ['requested', 'hired'] %}
    union all
    select
        sign_ups.candidate_id,
        sign_ups.signed_up_week,
        -- By a wrong clock, it may be earlier than the sign-up.
        greatest(
            cast(date_trunc('week', min(candidacies.{{ what }}_at)) as date),
            sign_ups.signed_up_week
        ) as week_start,
        '{{ what }}' as what
    from sign_ups
    inner join {{ ref('fct_candidacies') }} as candidacies
        on
            sign_ups.candidate_id = candidacies.candidate_id
            and sign_ups.ends_at > candidacies.{{ what }}_at
    group by 1, 2
    {% endfor %}

),

cohort_weeks as (

    {{ cohort_weeks('sign_ups') }}

),

counted as (

    select
        weeks.signed_up_week,
        weeks.week_start,
        weeks.weeks_since,
        weeks.account_count as candidate_count,
        count(case when happened.what = 'active' then 1 end) as active_count,
        cast(sum(count(case when happened.what = 'requested' then 1 end)) over (
            partition by weeks.signed_up_week order by weeks.week_start rows unbounded preceding
        ) as bigint) as requested_count,
        cast(sum(count(case when happened.what = 'hired' then 1 end)) over (
            partition by weeks.signed_up_week order by weeks.week_start rows unbounded preceding
        ) as bigint) as hired_count
    from cohort_weeks as weeks
    left join happened
        on weeks.signed_up_week = happened.signed_up_week and weeks.week_start = happened.week_start
    group by 1, 2, 3, 4

),

final as (

    select
        signed_up_week,
        week_start,
        weeks_since,
        candidate_count,
        active_count,
        {{ ratio('active_count', 'candidate_count') }} as active_ratio,
        requested_count,
        {{ ratio('requested_count', 'candidate_count') }} as requested_ratio,
        hired_count,
        {{ ratio('hired_count', 'candidate_count') }} as hired_ratio
    from counted

)

select * from final
