with

landed as (

    {{ landed('employer_app', 'employer_profile_updated') }}

)

select * from landed
