{#
    A whole amount in the reporting currency, rounded to whole units, half away from zero.

    Arguments: the column of the amount and the alias of the joined seed `currency_rates`.
#}
{% macro in_reporting_currency(amount, rates='rates') -%}
    cast(round({{ amount }} * {{ rates }}.rate, 0) as integer)
{%- endmacro %}

{# Joins the rate of a day. Arguments: alias of the seed, currency and day of the row. #}
{% macro rate_of(rates, currency, day) -%}
    {{ rates }}.currency = {{ currency }}
    and {{ rates }}.reporting_currency = '{{ var("reporting_currency") }}'
    and {{ rates }}.valid_from <= {{ day }}
    and {{ rates }}.valid_to > {{ day }}
{%- endmacro %}
