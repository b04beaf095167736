{#
    How Redshift lays out a table whose model does not define it: distributed and sorted by the key,
    as downstream models read it. Models that only append are sorted by batch, so that reading new
    rows skips the blocks of old ones. Other engines ignore this.
#}
{% macro dist(dist) -%}
    {{ return(dbt.dist(dist or key_column())) }}
{%- endmacro %}

{% macro sort(sort_type, sort) -%}
    {%- set appended = 'batch_id' if config.get('incremental_strategy') == 'append' -%}
    {{ return(dbt.sort(sort_type, sort or key_column() or appended or none)) }}
{%- endmacro %}

{# The first column of a model's unique key; none if it has no key. #}
{% macro key_column() -%}
    {%- set key = config.get('unique_key') or [none] -%}
    {{ return(key if key is string else key[0]) }}
{%- endmacro %}
