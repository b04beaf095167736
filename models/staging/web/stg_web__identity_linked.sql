with

landed as (

    {{ landed('web', 'identity_linked') }}

)

select * from landed
