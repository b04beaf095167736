with

landed as (

    {{ landed('candidate_app', 'candidate_profile_submitted') }}

)

select * from landed
