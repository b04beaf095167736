with

landed as (

    {{ landed('hiring', 'offer_answered') }}

)

select * from landed
