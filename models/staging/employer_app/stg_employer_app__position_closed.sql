with

landed as (

    {{ landed('employer_app', 'position_closed') }}

)

select * from landed
