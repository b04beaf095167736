with

landed as (

    {{ landed('production', 'production_counted') }}

)

select * from landed
