with

landed as (

    {{ landed('privacy', 'person_erasure_requested') }}

)

select * from landed
