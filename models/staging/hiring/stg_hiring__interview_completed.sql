with

landed as (

    {{ landed('hiring', 'interview_completed') }}

)

select * from landed
