with

landed as (

    {{ landed('employer_app', 'position_opened') }}

)

select * from landed
