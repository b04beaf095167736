with

final as (

    select
        opened_week,
        role,
        location,
        channel,
        origin,
        opened_count,
        accepted_count,
        screened_count,
        interviewed_count,
        offered_count,
        hired_count,
        started_count,
        {{ ratio('interviewed_count', 'opened_count') }} as interviewed_ratio,
        {{ ratio('offered_count', 'opened_count') }} as offered_ratio,
        {{ ratio('hired_count', 'opened_count') }} as hired_ratio
    from {{ ref('int_hiring_funnel_weeks') }}
    where opened_count > 0

)

select * from final
