{{ config(materialized='table') }}

with

-- A candidate belongs to the month in which employers could find the candidate first.
versions as (

    select
        candidate_id,
        coalesce(role, 'unknown') as role,
        valid_from,
        min(valid_from) over (partition by candidate_id) as searchable_at
    from {{ ref('dim_candidates_history') }}
    where is_searchable

),

searchable as (

    select * from versions
    where valid_from = searchable_at

),

hired as (

    select distinct searchable.candidate_id
    from searchable
    inner join {{ ref('int_candidacies') }} as candidacies
        on searchable.candidate_id = candidacies.candidate_id
    where
        candidacies.hired_at >= searchable.searchable_at
        and candidacies.hired_at <= {{ dbt.dateadd('day', 90, 'searchable.searchable_at') }}

),

monthly as (

    select
        cast(date_trunc('month', searchable.searchable_at) as date) as searchable_month,
        searchable.role,
        count(*) as searchable_count,
        count(hired.candidate_id) as hired_count,
        {{ ratio('count(hired.candidate_id)', 'count(*)') }} as hired_ratio
    from searchable
    left join hired on searchable.candidate_id = hired.candidate_id
    group by 1, 2

)

select * from monthly
