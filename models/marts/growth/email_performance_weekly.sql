with

counted as (

    select
        cast(date_trunc('week', delivered_at) as date) as delivered_week,
        template,
        count(*) as delivered_count,
        count(distinct recipient_id) as recipient_count,
        count(clicked_at) as clicked_count,
        count(
            case when clicked_at < {{ dbt.dateadd('day', 7, 'delivered_at') }} then 1 end
        ) as clicked_in_7_days_count
    from {{ ref('int_emails') }}
    group by 1, 2

),

final as (

    select
        delivered_week,
        template,
        delivered_count,
        recipient_count,
        clicked_count,
        clicked_in_7_days_count,
        {{ ratio('clicked_count', 'delivered_count') }} as clicked_ratio,
        {{ ratio('clicked_in_7_days_count', 'delivered_count') }} as clicked_in_7_days_ratio
    from counted

)

select * from final
