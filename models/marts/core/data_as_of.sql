{% set moment = "cast('" ~ as_of() ~ "' as timestamp)" if as_of() else 'occurred_at' %}

with

moments as (

    select max({{ moment }}) as as_of from {{ ref('int_last_occurrences') }}

),

days as (

    select
        as_of,
        cast(as_of as date) as as_of_day,
        cast({{ dbt.dateadd('day', 1, 'cast(as_of as date)') }} as timestamp) as ends_at
    from moments
    where as_of is not null

),

final as (

    select
        as_of,
        as_of_day,
        ends_at,
        {{ 'ends_at' if as_of() else 'as_of' }} as reaches_until
    from days

)

select * from final
