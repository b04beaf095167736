with

landed as (

    {{ landed('candidate_app', 'application_submitted') }}

)

select * from landed
