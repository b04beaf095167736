{{ config(materialized='table') }}

with

as_of as (

    select * from {{ ref('data_as_of') }}

),

-- The last month ends with the last day that counts.
months as (

    select
        dates.month_start,
        {{ dbt.dateadd('day', 1, 'max(dates.date_day)') }} as ends_at
    from {{ ref('dim_dates') }} as dates
    inner join as_of on dates.date_day <= as_of.as_of_day
    group by 1

),

positions as (

    select
        positions.position_id,
        positions.role,
        positions.opened_at,
        min(case when hires.hired_at < as_of.ends_at then hires.hired_at end) as filled_at
    from {{ ref('dim_positions') }} as positions
    inner join as_of on positions.opened_at < as_of.ends_at
    left join {{ ref('int_candidacies') }} as hires on positions.position_id = hires.position_id
    group by 1, 2, 3

),

measured as (

    {% for measure in ['opened', 'filled'] %}
    select
        cast(date_trunc('month', {{ measure }}_at) as date) as position_month,
        role,
        '{{ measure }}' as measure,
        {{ seconds_between('opened_at', 'filled_at') }} as seconds
    from positions
    where {{ measure }}_at is not null
    union all
    {% endfor %}
    select
        months.month_start as position_month,
        positions.role,
        'open' as measure,
        {{ seconds_between('positions.opened_at', 'months.ends_at') }} as seconds
    from {{ ref('dim_positions_history') }} as versions
    inner join positions on versions.position_id = positions.position_id
    inner join months on versions.valid_from < months.ends_at
    where versions.status = 'open' and coalesce(versions.valid_to >= months.ends_at, true)

),

{% set group = 'partition by measured.position_month, measured.role, measured.measure' %}
ranked as (

    select
        measured.*,
        as_of.ends_at,
        row_number() over ({{ group }} order by measured.seconds) as value_rank,
        count(*) over ({{ group }}) as value_count
    from measured cross join as_of

),

{% set due_at = dbt.dateadd('day', 90, dbt.dateadd('month', 1, 'position_month')) %}
{% set opened = "count(case when measure = 'opened' then 1 end)" %}
{% set in_time = opened.replace('then', 'and seconds < ' ~ 90 * 86400 ~ ' then') %}
{% set due = 'case when max(ends_at) >= ' ~ due_at ~ ' then ' ~ opened ~ ' end' %}
{% set seconds_to_fill = "case when measure = 'filled' then seconds end" %}
monthly as (

    select
        position_month,
        role,
        {{ opened }} as opened_count,
        {{ in_time }} as filled_in_90_days_count,
        {{ ratio(in_time, due) }} as filled_in_90_days_ratio,
        count(case when measure = 'open' then 1 end) as open_count,
        {% for days in [30, 60, 90] %}
        count(case when measure = 'open' and seconds >= {{ days * 86400 }} then 1 end)
            as open_{{ days }}_days_count,
        {% endfor %}
        count({{ seconds_to_fill }}) as filled_count,
        {{ percentile(seconds_to_fill, 50) }} as median_seconds_to_fill,
        {{ percentile(seconds_to_fill, 90) }} as p90_seconds_to_fill
    from ranked
    group by 1, 2

)

select * from monthly
