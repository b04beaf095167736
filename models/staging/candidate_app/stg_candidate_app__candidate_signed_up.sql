with

landed as (

    {{ landed('candidate_app', 'candidate_signed_up') }}

)

select * from landed
