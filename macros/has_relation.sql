{# Whether a model or a seed exists in the schemas of this build. Argument: its node. #}
{% macro has_relation(node) %}
    {%- set relation = api.Relation.create(node.database, node.schema, node.alias) -%}
    {{ return(load_cached_relation(relation) is not none) }}
{% endmacro %}
