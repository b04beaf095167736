with

timed as (

    select
        hired_month,
        role,
        origin,
        hired_count,
        median_seconds_to_hire,
        p90_seconds_to_hire
    from {{ ref('int_hires_timed') }}
    where hired_count > 0

)

select * from timed
