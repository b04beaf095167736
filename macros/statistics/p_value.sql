{#
    How likely a normal variable lies further from 0 than z, on either side, by the approximation of
    Hastings (Abramowitz and Stegun, Handbook of Mathematical Functions, 26.2.19): 1 / polynomial(z)
    to the power of 16, with an error below 0.0000003. All steps are in numerics and rounded, so that
    all engines give the same digits. Two columns, one after the other:

    - normal_tail(z, digits): 1 / polynomial(z), in units of 10^-9. Arguments: a column with z in
      units of 10^-digits, not negative. Beyond 10 the p-value is 0 to all its digits.
    - p_value(tail): the p-value as a numeric(7, 6), at most 0.000001 off.
#}
{% macro normal_tail(z, digits) -%}
    {%- set ten = 10 ** (digits + 1) -%}
    {%- set capped = 'case when ' ~ z ~ ' > ' ~ ten ~ ' then ' ~ ten ~ ' else ' ~ z ~ ' end' -%}
    {%- set score = decimal_of(capped, digits, 12, 9) -%}
    {%- set sum = namespace(sql='cast(0.0000053830 as numeric(20, 14))') -%}
    {%- for coefficient in [
        '0.0000488906', '0.0000380036', '0.0032776263', '0.0211410061', '0.0498673470', '1'
    ] -%}
        {%- set sum.sql = 'cast(round(' ~ sum.sql ~ ' * ' ~ score ~ ', 14) + ' ~ coefficient
            ~ ' as numeric(20, 14))' -%}
    {%- endfor -%}
    {{ quotient(
        '1000000000000000000', 'cast(round(' ~ sum.sql ~ ' * 1000000000, 0) as numeric(38, 0))'
    ) }}
{%- endmacro %}

{% macro p_value(tail) -%}
    {%- set power = namespace(sql=decimal_of(tail, 9, 15, 14)) -%}
    {%- for _ in range(4) -%}
        {%- set power.sql = 'cast(round(' ~ power.sql ~ ' * ' ~ power.sql ~ ', 14)'
            ~ ' as numeric(15, 14))' -%}
    {%- endfor -%}
    cast(round({{ power.sql }}, 6) as numeric(7, 6))
{%- endmacro %}
