{#
    dbt's own test of a relationship. dbt runs it as soon as one of its two models is selected, and
    after a partial first build the other one may be missing: then it finds nothing, instead of
    failing.
#}
{% macro default__test_relationships(model, column_name, to, field) %}
    {%- if execute and flags.WHICH in ('build', 'test') -%}
        {%- set tested = graph.nodes[context['model'].attached_node] -%}
        {%- set there = has_relation(tested) or tested.defer_relation -%}
        {%- if not (there and load_cached_relation(to)) -%}
            {{ return('select 1 as missing where 1 = 0') }}
        {%- endif -%}
    {%- endif -%}
    {{ return(dbt.default__test_relationships(model, column_name, to, field)) }}
{% endmacro %}
