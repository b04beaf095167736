{{ config(materialized='table') }}

with

changes as (

    select * from {{ ref('int_searchable_candidate_changes') }}

),

bounds as (

    select
        min(changed_month) as first_month,
        {% if as_of() %}
        cast(date_trunc('month', max(cast('{{ as_of() }}' as date))) as date)
        {% else %}
        max(case when is_reached = 1 then changed_month end)
        {% endif %}
            as last_month
    from changes

),

months as (

    select distinct dates.month_start
    from {{ ref('dim_dates') }} as dates
    inner join bounds on dates.month_start between bounds.first_month and bounds.last_month

),

roles as (

    select distinct role from changes

),

summed as (

    select
        months.month_start as searchable_month,
        roles.role,
        cast(
            sum(coalesce(changes.candidate_change, 0)) over (
                partition by roles.role order by months.month_start rows unbounded preceding
            ) as bigint
        ) as candidate_count,
        cast(
            sum(coalesce(changes.years_experience_change, 0)) over (
                partition by roles.role order by months.month_start rows unbounded preceding
            ) as bigint
        ) as total_years_experience
    from months
    cross join roles
    left join changes
        on months.month_start = changes.changed_month and roles.role = changes.role

)

select * from summed
where candidate_count > 0
