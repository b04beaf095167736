{{ config(materialized='table') }}

with

as_of as (

    select
        as_of_day,
        ends_at,
        {{ dbt.dateadd('day', -28, 'ends_at') }} as recent_from,
        {{ dbt.dateadd('day', -56, 'ends_at') }} as earlier_from
    from {{ ref('data_as_of') }}

),

requests as (

    select
        requests.employer_id,
        count(*) as request_count,
        count(case when requests.requested_at >= as_of.recent_from then 1 end)
            as recent_request_count,
        count(
            case
                when
                    requests.requested_at >= as_of.earlier_from
                    and requests.requested_at < as_of.recent_from
                    then 1
            end
        ) as earlier_request_count,
        max(requests.requested_at) as last_requested_at
    from {{ ref('int_interview_requests') }} as requests
    inner join as_of on requests.requested_at < as_of.ends_at
    group by 1

),

positions as (

    select
        positions.employer_id,
        count(*) as open_position_count
    from {{ ref('dim_positions_history') }} as positions
    inner join as_of
        on
            positions.valid_from < as_of.ends_at
            and coalesce(positions.valid_to >= as_of.ends_at, true)
    where positions.status = 'open'
    group by 1

),

employers as (

    select
        employers.employer_id,
        as_of.as_of_day,
        as_of.recent_from,
        employers.signed_up_at,
        coalesce(positions.open_position_count, 0) as open_position_count,
        coalesce(requests.request_count, 0) as request_count,
        coalesce(requests.recent_request_count, 0) as recent_request_count,
        coalesce(requests.earlier_request_count, 0) as earlier_request_count,
        requests.last_requested_at,
        greatest(
            employers.signed_up_at, coalesce(requests.last_requested_at, employers.signed_up_at)
        ) as last_active_at
    from {{ ref('dim_employers') }} as employers
    inner join as_of on employers.signed_up_at < as_of.ends_at
    left join requests on employers.employer_id = requests.employer_id
    left join positions on employers.employer_id = positions.employer_id

),

final as (

    select
        employer_id,
        as_of_day,
        signed_up_at,
        open_position_count,
        request_count,
        recent_request_count,
        earlier_request_count,
        last_requested_at,
        case
            when last_active_at < recent_from then {{ dbt.dateadd('day', 28, 'last_active_at') }}
        end as dormant_since
    from employers

)

select * from final
