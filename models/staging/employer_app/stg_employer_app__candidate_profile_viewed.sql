with

landed as (

    {{ landed('employer_app', 'candidate_profile_viewed') }}

)

select * from landed
