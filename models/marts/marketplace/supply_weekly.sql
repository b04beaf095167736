{{ config(materialized='table') }}

with

weeks as (

    select distinct
        dates.week_start,
        cast({{ dbt.dateadd('day', 7, 'dates.week_start') }} as timestamp) as ends_at
    from {{ ref('dim_dates') }} as dates
    inner join {{ ref('data_as_of') }} as as_of on dates.date_day <= as_of.as_of_day

),

-- The 28 days up to the end of a week are four weeks: a request counts in its own and three more.
requested as (

    {% for days in [0, 7, 14, 21] %}
    select
        candidate_id,
        cast({{ dbt.dateadd('day', days, "date_trunc('week', requested_at)") }} as date)
            as week_start
    from {{ ref('int_interview_requests') }}
    {{ 'union' if not loop.last }}
    {% endfor %}

),

-- A version of a candidate adds one in the week in which it begins, and takes one away in the week
-- in which it ends: the sum of the weeks up to one is who can be found at its end.
measured as (

    {% for moment, sign in [('valid_from', ''), ('valid_to', '-')] %}
    select
        cast(date_trunc('week', {{ moment }}) as date) as week_start,
        coalesce(role, 'unknown') as role,
        coalesce(location, 'unknown') as location,
        {{ sign }}1 as searchable_change,
        0 as requested
    from {{ ref('dim_candidates_history') }}
    where is_searchable and {{ moment }} is not null
    union all
    {% endfor %}
    select
        weeks.week_start,
        coalesce(candidates.role, 'unknown') as role,
        coalesce(candidates.location, 'unknown') as location,
        0 as searchable_change,
        1 as requested
    from requested
    inner join weeks on requested.week_start = weeks.week_start
    inner join {{ ref('dim_candidates_history') }} as candidates
        on requested.candidate_id = candidates.candidate_id
    where
        candidates.is_searchable
        and candidates.valid_from < weeks.ends_at
        and coalesce(candidates.valid_to >= weeks.ends_at, true)

),

markets as (

    select
        role,
        location,
        min(week_start) as first_week
    from measured
    group by 1, 2

),

final as (

    select
        weeks.week_start as supply_week,
        markets.role,
        markets.location,
        cast(sum(sum(coalesce(measured.searchable_change, 0))) over (
            partition by markets.role, markets.location
            order by weeks.week_start rows unbounded preceding
        ) as bigint) as searchable_count,
        cast(sum(coalesce(measured.requested, 0)) as bigint) as requested_count
    from markets
    inner join weeks on markets.first_week <= weeks.week_start
    left join measured
        on
            weeks.week_start = measured.week_start
            and markets.role = measured.role
            and markets.location = measured.location
    group by 1, 2, 3

)

select * from final
where searchable_count > 0
