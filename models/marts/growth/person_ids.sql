with

ids as (

    select
        id,
        person_id,
        is_user
    from {{ ref('int_person_ids') }}

)

select * from ids
