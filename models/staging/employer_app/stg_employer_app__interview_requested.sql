with

landed as (

    {{ landed('employer_app', 'interview_requested') }}

)

select * from landed
