with

landed as (

    {{ landed('employer_app', 'candidate_search_performed') }}

)

select * from landed
