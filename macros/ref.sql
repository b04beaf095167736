{#
    dbt's own `ref` and `source`, but for two things.

    - Where a model is built, its first `ref` or `source` waits until no other build works on the
      same model: before dbt looks at what there is.
    - On DuckDB the name of the database is left out. A view that holds it has no tables in a
      renamed copy of the file, or where a BI tool attaches the file under another name.
#}
{% macro ref() %}
    {%- do take_turn() -%}
    {{ return(builtins.ref(*varargs, **kwargs).include(database=target.type != 'duckdb')) }}
{% endmacro %}

{% macro source() %}
    {%- do take_turn() -%}
    {{ return(builtins.source(*varargs, **kwargs).include(database=target.type != 'duckdb')) }}
{% endmacro %}
