{#
    Checks a landed table against its contract in one scan: returns each rule that rows of committed
    batches break, with their number. The lander's own check should have rejected such rows.
#}
{% test conforms_to_contract(model) %}
{%- set rules = contract_rules(model) if execute else [] %}
with

landed as (

    select events.*
    from {{ model }} as events
    inner join {{ source('landing', 'batches') }} as batches
        on events.batch_id = batches.batch_id
    where batches.committed_at is not null and events.batch_id > {{ tested_after() }}

),

counted as (

    select
        {% for rule in rules %}
        sum(case when {{ rule.broken }} then 1 else 0 end) as rule_{{ loop.index }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from landed

)
{% for rule in rules %}
select
    cast('{{ rule.column }}' as varchar(63)) as column_name,
    cast('{{ rule.rule }}' as varchar(20)) as rule_name,
    rule_{{ loop.index }} as violations
from counted
where rule_{{ loop.index }} > 0
{%- if not loop.last %}
union all
{%- endif %}
{%- endfor %}
{% endtest %}
