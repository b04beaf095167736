with

landed as (

    {{ landed('hiring', 'candidacy_closed') }}

)

select * from landed
