{#
    The rules of the envelope and of a contract that SQL can check on a landed table: a list of
    {column, rule, broken}, where `broken` is a condition on a row of `landed`.

    Only the lander checks patterns and formats: regular expressions differ between engines.

    Argument: the relation of a source table; any other relation is an error.
#}
{% macro contract_rules(relation) %}
    {%- set tables = [] -%}
    {%- for node in graph.sources.values() -%}
        {%- if node.source_name == 'landing' and node.name == 'envelope' -%}
            {%- do tables.insert(0, node) -%}
        {%- elif node.schema == relation.schema and node.identifier == relation.identifier -%}
            {%- do tables.append(node) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if tables | length != 2 -%}
        {%- do exceptions.raise_compiler_error('no contract declares ' ~ relation) -%}
    {%- endif -%}
    {%- set rules = [] -%}
    {%- for column in tables[0].columns.values() | list + tables[1].columns.values() | list -%}
        {%- for rule, broken in broken_by(column).items() -%}
            {%- do rules.append({'column': column.name, 'rule': rule, 'broken': broken}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(rules) }}
{% endmacro %}

{# By rule, the condition under which a row breaks what the contract says about a column. #}
{% macro broken_by(column) %}
    {%- set value = 'landed.' ~ column.name -%}
    {%- set meta = column.config.meta -%}
    {%- set is_text = column.data_type.startswith('varchar') -%}
    {%- set rules = {} -%}
    {%- if meta.required -%}
        {%- do rules.update({'required': value ~ ' is null'}) -%}
    {%- endif -%}
    {%- if meta.enum -%}
        {%- set values = [] -%}
        {%- for allowed in meta.enum -%}
            {%- do values.append(
                dbt.string_literal(dbt.escape_single_quotes(allowed)) if is_text else allowed
            ) -%}
        {%- endfor -%}
        {%- do rules.update({'enum': value ~ ' not in (' ~ values | join(', ') ~ ')'}) -%}
    {%- endif -%}
    {%- if meta.minimum is defined -%}
        {%- do rules.update({'minimum': value ~ ' < ' ~ meta.minimum}) -%}
    {%- endif -%}
    {%- if meta.maximum is defined -%}
        {%- do rules.update({'maximum': value ~ ' > ' ~ meta.maximum}) -%}
    {%- endif -%}
    {%- if is_text -%}
        {%- set size = column.data_type[8:-1] -%}
        {%- do rules.update({'maxBytes': byte_length(value) ~ ' > ' ~ size}) -%}
    {%- endif -%}
    {{ return(rules) }}
{% endmacro %}
