{{ config(
    incremental_strategy='delete+insert',
    unique_key='hired_month',
    dist='hired_month',
    sort='hired_month'
) }}

with

candidacies as {{ inlined() }} (

    select
        candidacies.*,
        cast(date_trunc('month', candidacies.hired_at) as date) as hired_month,
        {{ seconds_between('candidacies.opened_at', 'candidacies.hired_at') }} as seconds_to_hire
    from {{ ref('int_candidacies_joined') }} as candidacies

),

-- All visits of a changed candidacy carry its last batch, so this is every month that one of them
-- may have been counted in until now. A month that is left empty keeps a row of zeros.
touched as (

    select cast(date_trunc('month', entered_at) as date) as hired_month
    from {{ ref('int_candidacy_stages_visited') }}
    where milestone = 'hired' and {{ is_new() }}
    union
    select hired_month from candidacies where hired_month is not null and {{ is_new() }}

),

timed_hires as (

    select
        touched.hired_month,
        coalesce(candidacies.role, 'unknown') as role,
        candidacies.origin,
        candidacies.candidacy_id,
        candidacies.seconds_to_hire,
        candidacies.batch_id
    from touched
    left join candidacies on touched.hired_month = candidacies.hired_month

),

ranked as (

    select
        timed_hires.*,
        row_number() over (
            partition by timed_hires.hired_month, timed_hires.role, timed_hires.origin
            order by timed_hires.seconds_to_hire
        ) as value_rank,
        count(*) over (
            partition by timed_hires.hired_month, timed_hires.role, timed_hires.origin
        ) as value_count
    from timed_hires

),

timed as (

    select
        hired_month,
        role,
        origin,
        count(candidacy_id) as hired_count,
        {{ percentile('seconds_to_hire', 50) }} as median_seconds_to_hire,
        {{ percentile('seconds_to_hire', 90) }} as p90_seconds_to_hire,
        coalesce(max(batch_id), 0) as batch_id
    from ranked
    group by 1, 2, 3

)

select * from timed
