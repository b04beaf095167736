with

landed as (

    {{ landed('web', 'email_delivered') }}

)

select * from landed
