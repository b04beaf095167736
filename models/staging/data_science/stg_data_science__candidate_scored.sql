with

landed as (

    {{ landed('data_science', 'candidate_scored') }}

)

select * from landed
