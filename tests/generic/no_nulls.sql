{#
    Returns the rows in which any of the columns is null. Argument: the names of the columns. This
    is one scan for all of them; `not_null` would run one test, and the joins of a view, per column.
#}
{% test no_nulls(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
where {{ columns | join(' is null or ') }} is null
{% endtest %}
