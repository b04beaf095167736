{#
    Adds the counts of new rows to the counts that this model has: for counts that only ever grow,
    so that no history is read again. In a full build, the new counts alone.

    Arguments: the CTE of the new counts, which also has the latest `batch_id` of the rows; the
    columns of a group; the counts; the column by which to find the rows that change, the model's
    unique key or a part of it; and the columns of which the latest value is kept.
#}
{% macro added_to_counts(name, groups, counts, key, latest=[]) -%}
    select
    {%- for column in groups %}
        {{ column }},
    {%- endfor %}
    {%- for column in counts %}
        cast(sum({{ column }}) as bigint) as {{ column }},
    {%- endfor %}
    {%- for column in latest %}
        max({{ column }}) as {{ column }},
    {%- endfor %}
        max(batch_id) as batch_id
    from (
        select {{ (groups + counts + latest) | join(', ') }}, batch_id from {{ name }}
    {%- if is_incremental() %}
        union all
        select {{ (groups + counts + latest) | join(', ') }}, batch_id from {{ this }}
        where {{ key }} in (select {{ name }}.{{ key }} from {{ name }})
    {%- endif %}
    ) as counts
    group by {{ groups | join(', ') }}
{%- endmacro %}
