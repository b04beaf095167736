{#
    Returns the rows in which one of some columns is null. Argument: the columns' names. One scan for
    all of them, where `not_null` would be a test, and for a view its joins, per column.
#}
{% test no_nulls(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
where {{ columns | join(' is null or ') }} is null
{% endtest %}
