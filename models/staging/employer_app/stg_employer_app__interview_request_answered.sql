with

landed as (

    {{ landed('employer_app', 'interview_request_answered') }}

)

select * from landed
