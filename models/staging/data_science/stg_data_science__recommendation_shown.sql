with

landed as (

    {{ landed('data_science', 'recommendation_shown') }}

)

select * from landed
