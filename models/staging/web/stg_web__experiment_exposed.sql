with

landed as (

    {{ landed('web', 'experiment_exposed') }}

)

select * from landed
