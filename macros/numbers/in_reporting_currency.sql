{#
    An amount in the reporting currency, rounded half away from zero: to whole units or, if its type
    has decimals, to cents.

    Arguments: the column of the amount, the alias of the joined seed `currency_rates`, and the type.
#}
{% macro in_reporting_currency(amount, rates='rates', type='integer') -%}
    {%- if type == 'integer' -%}
    cast(round({{ amount }} * {{ rates }}.rate, 0) as integer)
    {%- else -%}
    {#- DuckDB multiplies numerics of up to 18 digits in 64 bits, which large amounts exceed. -#}
    cast(round(cast({{ amount }} as numeric(24, 2)) * {{ rates }}.rate, 2) as {{ type }})
    {%- endif -%}
{%- endmacro %}

{# Joins the rate of a day. Arguments: alias of the seed, currency and day of the row. #}
{% macro rate_of(rates, currency, day) -%}
    {{ rates }}.currency = {{ currency }}
    and {{ rates }}.reporting_currency = '{{ var("reporting_currency") }}'
    and {{ rates }}.valid_from <= {{ day }}
    and {{ rates }}.valid_to > {{ day }}
{%- endmacro %}
