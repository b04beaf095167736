with

landed as (

    {{ landed('hiring', 'candidacy_stage_changed') }}

)

select * from landed
