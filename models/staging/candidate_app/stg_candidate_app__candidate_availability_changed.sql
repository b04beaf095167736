with

landed as (

    {{ landed('candidate_app', 'candidate_availability_changed') }}

)

select * from landed
