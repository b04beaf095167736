with

landed as (

    {{ landed('employer_app', 'position_updated') }}

)

select * from landed
