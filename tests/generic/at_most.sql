{#
    Returns the rows in which a column is above `maximum`, where they tell of enough: `counted` is a
    column that says of how many, of which there must be `least`.
#}
{% test at_most(model, column_name, maximum, counted, least) %}
select * from {{ model }}
where {{ column_name }} > {{ maximum }} and {{ counted }} >= {{ least }}
{% endtest %}
