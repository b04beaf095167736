{#
    Returns the rows in which a column is above `maximum`. Rows that stand for fewer than `least`
    events are left out; `counted` is the column with that number.
#}
{% test at_most(model, column_name, maximum, counted, least) %}
select * from {{ model }}
where {{ column_name }} > {{ maximum }} and {{ counted }} >= {{ least }}
{% endtest %}
