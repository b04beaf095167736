{#
    How Redshift lays a table out, where its model does not say so itself: rows of one key together
    and in its order, as the models after it read them; where a model only appends, in order of
    batch, so that reading new rows skips the blocks of old ones. Other engines need no word on it.
#}
{% macro dist(dist) -%}
    {{ return(dbt.dist(dist or key_column())) }}
{%- endmacro %}

{% macro sort(sort_type, sort) -%}
    {%- set appended = 'batch_id' if config.get('incremental_strategy') == 'append' -%}
    {{ return(dbt.sort(sort_type, sort or key_column() or appended or none)) }}
{%- endmacro %}

{# The first column of a model's unique key; none where it has none. #}
{% macro key_column() -%}
    {%- set key = config.get('unique_key') or [none] -%}
    {{ return(key if key is string else key[0]) }}
{%- endmacro %}
