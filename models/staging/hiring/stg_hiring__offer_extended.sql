with

landed as (

    {{ landed('hiring', 'offer_extended') }}

)

select * from landed
