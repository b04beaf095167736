with

landed as (

    {{ landed('hiring', 'candidate_started') }}

)

select * from landed
