{{ config(
    incremental_strategy='delete+insert',
    unique_key='changed_month',
    dist='changed_month',
    sort='changed_month'
) }}

with

versions as {{ inlined() }} (

    select
        versions.*,
        cast(date_trunc('month', versions.valid_from) as date) as began_month,
        cast(date_trunc('month', versions.valid_to) as date) as ended_month,
        case
            when
                versions.review_decision = 'accepted'
                and (versions.availability <> 'unavailable' or versions.availability is null)
                then 1
            else 0
        end as is_searchable,
        case when versions.valid_from <= versions.received_at then 1 else 0 end as is_reached
    from {{ ref('int_candidates_versioned') }} as versions

),

-- All versions of a changed candidate carry its last batch, and each ends when another begins, so
-- this is every month that one of them may have been counted in until now.
touched as (

    select distinct began_month as changed_month from versions where {{ is_new() }}

),

-- A version comes in the month in which it begins and goes in the month in which it ends: the sum
-- up to a month is what holds at its end.
movements as {{ inlined() }} (

    select
        began_month as changed_month,
        coalesce(role, 'unknown') as role,
        is_searchable as candidates,
        is_searchable * years_experience as years_experience,
        is_reached,
        batch_id
    from versions
    union all
    select
        ended_month as changed_month,
        coalesce(role, 'unknown') as role,
        -is_searchable as candidates,
        -is_searchable * years_experience as years_experience,
        0 as is_reached,
        batch_id
    from versions
    where ended_month is not null

),

changed as (

    select
        movements.changed_month,
        movements.role,
        cast(sum(movements.candidates) as bigint) as candidate_change,
        cast(sum(coalesce(movements.years_experience, 0)) as bigint) as years_experience_change,
        max(movements.is_reached) as is_reached,
        max(movements.batch_id) as batch_id
    from movements
    inner join touched on movements.changed_month = touched.changed_month
    group by 1, 2

)

select * from changed
