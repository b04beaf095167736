with

landed as (

    {{ landed('employer_app', 'employer_signed_up') }}

)

select * from landed
