with

counted as (

    select
        known_on,
        event,
        version,
        context_library_name,
        context_app_version,
        landed_count,
        duplicate_count,
        failed_count,
        late_count,
        unknown_property_count,
        replayed_count
    from {{ ref('int_event_counts') }}

)

select * from counted
