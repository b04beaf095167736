with

final as (

    select
        left_month,
        stage,
        visit_count,
        total_seconds,
        median_seconds,
        p90_seconds
    from {{ ref('int_stage_months') }}

)

select * from final
