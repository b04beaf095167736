{#
    dbt's own `ref` and `source` with two changes.

    - When a model is built, its first `ref` or `source` waits until no other build is working on
      the same model, before dbt looks at the existing relations.
    - On DuckDB the name of the database is left out. A view that contains it would find no tables
      in a renamed copy of the file, or when a BI tool attaches the file under another name.
#}
{% macro ref() %}
    {%- do take_turn() -%}
    {{ return(builtins.ref(*varargs, **kwargs).include(database=target.type != 'duckdb')) }}
{% endmacro %}

{% macro source() %}
    {%- do take_turn() -%}
    {{ return(builtins.source(*varargs, **kwargs).include(database=target.type != 'duckdb')) }}
{% endmacro %}
