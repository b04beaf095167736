{#
    The var `as_of`, checked: the last day that counts, such as 2026-03-31; none if it is not set. An
    error if it is no day of the calendar, or none that `dim_dates` has.
#}
{% macro as_of() -%}
    {%- set given = var('as_of') | string -%}
    {%- if not given -%}{{ return(none) }}{%- endif -%}
    {%- set first, end = calendar() -%}
    {%- set parts = modules.re.fullmatch(
        '([1-9][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])', given
    ) -%}
    {%- if parts -%}
        {%- set month = modules.datetime.date(parts[1] | int, parts[2] | int, 1) -%}
        {%- set day = month + modules.datetime.timedelta(days=parts[3] | int - 1) -%}
    {%- endif -%}
    {#- The day after the last one of a month belongs to the next. -#}
    {%- if not parts or day | string != given -%}
        {%- do exceptions.raise_compiler_error(
            "The var `as_of` is '" ~ given ~ "', which is not a day: pass one such as 2026-03-31, the"
            ~ ' last day that counts, or leave it out to count up to the latest day in the data.'
        ) -%}
    {%- elif not first <= given < end -%}
        {%- do exceptions.raise_compiler_error(
            "The var `as_of` is '" ~ given ~ "', a day that dim_dates does not have: pass a day from "
            ~ first ~ ' on and before ' ~ end ~ '.'
        ) -%}
    {%- endif -%}
    {{ return(given) }}
{%- endmacro %}

{# The first day of `dim_dates`, and the first one that it no longer has. #}
{% macro calendar() -%}
    {{ return(('2000-01-01', '2041-01-01')) }}
{%- endmacro %}

{#
    The last month that a month-by-month model shows, over all rows of its input: the month of the
    var `as_of`; if that is not set, of the latest row, ignoring clocks that run fast, so that no
    month appears before it begins. Argument: when a row happened; the input has `received_at`.
#}
{% macro last_month(happened_at) -%}
    {%- if as_of() -%}
    max(cast(date_trunc('month', cast('{{ as_of() }}' as date)) as date))
    {%- else -%}
    cast(date_trunc('month', max(
        case when {{ happened_at }} <= received_at then {{ happened_at }} end
    )) as date)
    {%- endif -%}
{%- endmacro %}

{#
    Whether a row happened by the end of the day `as_of`, as a condition; true of all rows if the var
    is not set. Argument: when it happened.
#}
{% macro is_by_as_of(happened_at) -%}
    {%- if as_of() -%}
    {{ happened_at }} < {{ dbt.dateadd('day', 1, "cast('" ~ as_of() ~ "' as timestamp)") }}
    {%- else -%}
    1 = 1
    {%- endif -%}
{%- endmacro %}
