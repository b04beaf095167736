{#
    Per moment at which something became known of an entity, all that was known by then: the rows of
    `changes`, with `moment`, and `known_to`, the next one.

    Arguments: the column of the entity, and the CTE of its changes, with `known_from`.
#}
{% macro known_by_moment(key, changes) -%}
    select
        changes.*,
        moments.moment,
        moments.known_to
    from (
        select
            {{ key }},
            known_from as moment,
            lead(known_from) over (partition by {{ key }} order by known_from) as known_to
        from {{ changes }}
        group by 1, 2
    ) as moments
    inner join {{ changes }} as changes
        on moments.{{ key }} = changes.{{ key }} and moments.moment >= changes.known_from
{%- endmacro %}
