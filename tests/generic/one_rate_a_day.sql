{# Returns the periods of a currency that overlap: a salary would be counted twice in them. #}
{% test one_rate_a_day(model) %}
select
    earlier.currency,
    earlier.valid_from,
    later.valid_from as next_valid_from
from {{ model }} as earlier
inner join {{ model }} as later
    on
        earlier.currency = later.currency
        and earlier.reporting_currency = later.reporting_currency
        and earlier.valid_from < later.valid_from
        and earlier.valid_to > later.valid_from
{% endtest %}
