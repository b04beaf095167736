with

landed as (

    {{ landed('candidate_app', 'candidate_review_decided') }}

)

select * from landed
