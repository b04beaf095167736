with

landed as (

    {{ landed('web', 'page_viewed') }}

)

select * from landed
