{#
    Per row of a set, the last fact about its entity that was known before the row's moment: the
    join by which a model is trained on what it will see when it scores. A fact that became known
    at the moment or after it is never joined, whenever it happened; there is no way to turn that
    off. Rows about whose entity nothing was known are left out, so left join the result.

    Arguments:
    - asked: the CTE or relation of the rows, which may repeat a key and moment.
    - key: the column of the entity, which both have.
    - moment: the column of `asked` that says as of when.
    - facts: the CTE or relation of the facts, with a column of when each became known.
    - known_at: that column, such as `known_from` of core.dim_*_history.
    - order: the columns of `facts` of which the highest is the last fact; for facts of the same
      order, the query has no certain result, so end with a unique one.
    - columns: those of `facts` to take.
#}
{% macro point_in_time(asked, key, moment, facts, known_at, order, columns) -%}
    select {{ ([key, moment] + columns) | join(', ') }}
    from (
        select
            asked.{{ key }},
            asked.{{ moment }},
        {%- for column in columns %}
            facts.{{ column }},
        {%- endfor %}
            row_number() over (
                partition by asked.{{ key }}, asked.{{ moment }}
                order by facts.{{ order | join(' desc, facts.') }} desc
            ) as place
        from (select distinct {{ key }}, {{ moment }} from {{ asked }}) as asked
        inner join {{ facts }} as facts
            on
                asked.{{ key }} = facts.{{ key }}
                and asked.{{ moment }} > facts.{{ known_at }}
    ) as known
    where place = 1
{%- endmacro %}
