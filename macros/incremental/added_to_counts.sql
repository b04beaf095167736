{#
    Counts of new rows added to those that this model has: for what only ever grows, so that no
    history is read again. In a full build, the new counts alone.

    Arguments: the CTE of the new counts, which also has the rows' last `batch_id`; the columns that
    make a group; the counts; the column by which to find the rows that change, the model's unique
    key or a part of it; and columns of which the latest value holds.
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
