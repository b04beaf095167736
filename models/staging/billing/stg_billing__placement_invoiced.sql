with

landed as (

    {{ landed('billing', 'placement_invoiced') }}

)

select * from landed
