{{ config(incremental_strategy='append') }}

with

-- From the source: stg_landing__batches is built after this model, so that it contains no batch
-- whose copies have not been found yet.
committed as (

    select batch_id from {{ source('landing', 'batches') }}
    where committed_at is not null and batch_id <= {{ progress().up_to or 0 }}

),

repeated as (

    {{ repeated_rows() }}

),

counted as (

    select
        repeated.*,
        row_number() over (
            partition by repeated.event, repeated.event_id, cast(repeated.occurred_at as date)
            order by repeated.batch_id, repeated.batch_row
        ) as place_of_day,
        count(*) over (partition by repeated.event, repeated.event_id) as row_count
    from repeated
    inner join committed on repeated.batch_id = committed.batch_id

),

-- Within a day, all rows but the first one that landed are copies. Only that first row is compared
-- with other days, so that the cost of an id that a million events share stays linear.
copies as (

    select
        event,
        event_id,
        batch_id,
        batch_row
    from counted
    where place_of_day > 1
    union
    select
        first_of_day.event,
        first_of_day.event_id,
        first_of_day.batch_id,
        first_of_day.batch_row
    from counted as first_of_day
    inner join counted as earlier
        on
            first_of_day.event = earlier.event
            and first_of_day.event_id = earlier.event_id
            and (
                first_of_day.batch_id > earlier.batch_id
                or (
                    first_of_day.batch_id = earlier.batch_id
                    and first_of_day.batch_row > earlier.batch_row
                )
            )
            and first_of_day.occurred_at <= {{ dbt.dateadd('day', 30, 'earlier.occurred_at') }}
            and first_of_day.occurred_at >= {{ dbt.dateadd('day', -30, 'earlier.occurred_at') }}
    where first_of_day.place_of_day = 1 and first_of_day.row_count > 1

),

new_copies as (

    select * from copies
    where {{ is_new() }}

)

select * from new_copies
