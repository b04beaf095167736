with

landed as (

    {{ landed('hiring', 'interview_scheduled') }}

)

select * from landed
