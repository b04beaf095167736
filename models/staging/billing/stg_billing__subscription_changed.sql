with

landed as (

    {{ landed('billing', 'subscription_changed') }}

)

select * from landed
