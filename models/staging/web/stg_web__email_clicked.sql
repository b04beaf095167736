with

landed as (

    {{ landed('web', 'email_clicked') }}

)

select * from landed
