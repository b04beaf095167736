{#
    The difference of two rates, converted / exposed of each, of up to 100 million persons. Arguments
    are columns of type numeric(38, 0), and results are whole numbers of small units, so that all
    engines give the same digits.

    - gap(): the difference times both numbers of persons.
    - z_square(): the square of the z-score, with the pooled rate, in units of 10^-22; null if nobody
      or everybody converted.
    - lift(): the difference in proportion to the control's rate, a numeric(18, 4), rounded half away
      from zero; null if nobody of the control converted.
    - split_square(): the square of the z-score of an even split, in units of 10^-18.
    - wilson_square() and, with its root, wilson_bound(): a bound (sign `-` or `+`) of Wilson's interval
      of one rate, in units of 10^-12. That interval holds the rate 19 times in 20: it reaches
      1.959963985 standard errors, with 3.841458821 as their square, around it.
#}
{% macro gap(converted, exposed, control_converted, control_exposed) -%}
    ({{ converted }} * {{ control_exposed }} - {{ control_converted }} * {{ exposed }})
{%- endmacro %}

{% macro z_square(converted, exposed, control_converted, control_exposed) -%}
    {%- set gap = gap(converted, exposed, control_converted, control_exposed) -%}
    {%- set gap = 'greatest(' ~ gap ~ ', -' ~ gap ~ ')' -%}
    {%- set n = '(' ~ exposed ~ ' + ' ~ control_exposed ~ ')' -%}
    {%- set x = '(' ~ converted ~ ' + ' ~ control_converted ~ ')' -%}
    {{ quotient(gap ~ ' * ' ~ n ~ ' * 10000000', exposed ~ ' * ' ~ control_exposed) }}
    * {{ quotient(gap ~ ' * 1000000000000000', x ~ ' * (' ~ n ~ ' - ' ~ x ~ ')') }}
{%- endmacro %}

{% macro lift(converted, exposed, control_converted, control_exposed) -%}
    {%- set gap = gap(converted, exposed, control_converted, control_exposed) -%}
    {%- set base = '(' ~ control_converted ~ ' * ' ~ exposed ~ ')' -%}
    {%- set size -%}
        {{ quotient('greatest(' ~ gap ~ ', -' ~ gap ~ ') * 20000 + ' ~ base, base ~ ' * 2') }}
    {%- endset -%}
    {{ decimal_of('case when ' ~ gap ~ ' < 0 then -1 else 1 end * ' ~ size, 4, 18, 4) }}
{%- endmacro %}

{% macro split_square(exposed, control_exposed) -%}
    {%- set surplus = '(' ~ exposed ~ ' - ' ~ control_exposed ~ ')' -%}
    {{ quotient(
        surplus ~ ' * ' ~ surplus ~ ' * 1000000000000000000', exposed ~ ' + ' ~ control_exposed
    ) }}
{%- endmacro %}

{% macro wilson_square(converted, exposed) -%}
    {{ quotient(
        converted ~ ' * (' ~ exposed ~ ' - ' ~ converted ~ ') * 10000000000000000', exposed
    ) }} + 9603647051735310
{%- endmacro %}

{% macro wilson_bound(converted, exposed, root, sign) -%}
    {%- set middle = converted ~ ' * 100000000000000000 + 192072941034706200' -%}
    {{ quotient(
        'greatest(' ~ middle ~ ' ' ~ sign ~ ' 1959963985 * ' ~ root ~ ', 0) * 10000',
        exposed ~ ' * 1000000000 + 3841458821'
    ) }}
{%- endmacro %}
