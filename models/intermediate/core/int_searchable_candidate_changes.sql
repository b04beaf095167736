{{ config(materialized='view') }}

with

versions as (

    select
        versions.*,
        case when versions.is_searchable then 1 else 0 end as candidates,
        case when versions.valid_from <= versions.received_at then 1 else 0 end as is_reached
    from {{ ref('int_candidate_versions') }} as versions

),

-- A version counts +1 in the month in which it begins and -1 in the month in which it ends, so the
-- sum up to a month is the number of candidates at its end.
movements as (

    select
        cast(date_trunc('month', valid_from) as date) as changed_month,
        coalesce(role, 'unknown') as role,
        candidates,
        candidates * years_experience as years_experience,
        is_reached
    from versions
    where {{ is_by_as_of('valid_from') }}
    union all
    select
        cast(date_trunc('month', valid_to) as date) as changed_month,
        coalesce(role, 'unknown') as role,
        -candidates as candidates,
        -candidates * years_experience as years_experience,
        0 as is_reached
    from versions
    where valid_to is not null and {{ is_by_as_of('valid_to') }}

),

changes as (

    select
        changed_month,
        role,
        cast(sum(candidates) as bigint) as candidate_change,
        cast(sum(coalesce(years_experience, 0)) as bigint) as years_experience_change,
        max(is_reached) as is_reached
    from movements
    group by 1, 2

)

select * from changes
