{#
    A row per week of sign-up and week from then on, up to that of the day in `data_as_of`:
    `signed_up_week`, `week_start`, `weeks_since` from 0, and `account_count`, which is the same in
    each week.

    Argument: the CTE of the accounts, with their `signed_up_week`.
#}
{% macro cohort_weeks(accounts) -%}
    select
        cohorts.signed_up_week,
        weeks.week_start,
        row_number() over (
            partition by cohorts.signed_up_week order by weeks.week_start
        ) - 1 as weeks_since,
        cohorts.account_count
    from (
        select signed_up_week, count(*) as account_count from {{ accounts }} group by signed_up_week
    ) as cohorts
    inner join (
        select distinct dates.week_start
        from {{ ref('dim_dates') }} as dates
        inner join {{ ref('data_as_of') }} as as_of on dates.date_day <= as_of.as_of_day
    ) as weeks on cohorts.signed_up_week <= weeks.week_start
{%- endmacro %}
