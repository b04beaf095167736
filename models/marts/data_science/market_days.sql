{{ config(materialized='table') }}

with

-- What is known at the end of a day changes on the days on which a state begins or ends.
changes as (

    {% for what, condition, day, sign in [
        ('candidate', 'is_searchable', 'known_from', 1),
        ('candidate', 'is_searchable', 'known_to', -1),
        ('position', 'not is_closed', 'known_from', 1),
        ('position', 'not is_closed', 'known_to', -1),
    ] %}
    select
        role,
        location,
        cast({{ day }} as date) as market_day,
        {{ sign if what == 'candidate' else 0 }} as candidates,
        {{ sign if what == 'position' else 0 }} as positions
    from {{ ref(what ~ 's_as_known') }}
    where {{ condition }} and role is not null and location is not null and {{ day }} is not null
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

days as (

    select
        role,
        location,
        market_day,
        {% for what in ['candidate', 'position'] %}
        cast(sum(sum({{ what }}s)) over (
            partition by role, location order by market_day rows unbounded preceding
        ) as bigint) as {{ what }}_count,
        {% endfor %}
        lead(market_day) over (partition by role, location order by market_day) as next_day
    from changes
    group by 1, 2, 3

),

salaries as (

    select
        days.role,
        days.location,
        days.market_day,
        {{ in_reporting_currency('positions.max_salary') }} as salary,
        row_number() over (
            partition by days.role, days.location, days.market_day
            order by {{ in_reporting_currency('positions.max_salary') }}
        ) as salary_rank,
        count(*) over (partition by days.role, days.location, days.market_day) as salary_count
    from days
    inner join {{ ref('positions_as_known') }} as positions
        on
            days.role = positions.role
            and days.location = positions.location
            and days.market_day >= cast(positions.known_from as date)
            and coalesce(days.market_day < cast(positions.known_to as date), true)
    inner join {{ ref('currency_rates') }} as rates
        on {{ rate_of('rates', 'positions.currency', 'days.market_day') }}
    where not positions.is_closed and positions.max_salary is not null

),

final as (

    select
        days.role,
        days.location,
        days.market_day,
        days.next_day,
        days.candidate_count,
        days.position_count,
        {{ percentile('salaries.salary', 25, 'salary_rank', 'salary_count') }} as salary_p25,
        {{ percentile('salaries.salary', 50, 'salary_rank', 'salary_count') }} as salary_p50,
        {{ percentile('salaries.salary', 75, 'salary_rank', 'salary_count') }} as salary_p75
    from days
    left join salaries
        on
            days.role = salaries.role
            and days.location = salaries.location
            and days.market_day = salaries.market_day
    group by 1, 2, 3, 4, 5, 6

)

select * from final
