{#
    Stops a run on a database whose settings would change results: text sorts and days begin as on
    the other engines only with C collation and UTC.
#}
{% macro check_database() -%}
    {%- if execute -%}{{ return(adapter.dispatch('check_database', 'hirehouse')()) }}{%- endif -%}
{%- endmacro %}

{% macro default__check_database() -%}{%- endmacro %}

{% macro redshift__check_database() -%}{%- endmacro %}

{% macro postgres__check_database() -%}
    {%- set found = run_query(
        "select datcollate, current_setting('TimeZone') from pg_database"
        " where datname = current_database()"
    ).rows[0] -%}
    {%- if found[0] not in ('C', 'POSIX') or found[1] not in ('UTC', 'Etc/UTC') -%}
        {%- do exceptions.raise_compiler_error(
            'The database has collation ' ~ found[0] ~ ' and time zone ' ~ found[1]
            ~ ': make one with C collation and UTC, as the README tells.'
        ) -%}
    {%- endif -%}
{%- endmacro %}
