with

landed as (

    {{ landed('billing', 'placement_refunded') }}

)

select * from landed
