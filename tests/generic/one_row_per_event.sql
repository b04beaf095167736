{#
    An event's identity is (event_id, occurred_at). Returns the ids that have more than one row,
    with the producer to ask: either copies got past staging (times = 1), or a producer gave one id
    to several events (times > 1). It looks at the times that the tested rows span, as a copy of an
    event carries the same one.
#}
{% test one_row_per_event(model) %}
select
    event_id,
    max(context_library_name) as producer,
    max(context_app_version) as producer_version,
    count(*) as row_count,
    count(distinct occurred_at) as times
from {{ model }}
{%- if execute and load_relation(model) %}
where {{ in_range(model, 'batch_id > ' ~ tested_after()) }}
{%- endif %}
group by event_id
having count(*) > 1
{% endtest %}
