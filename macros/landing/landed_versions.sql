{#
    What to read an event from: its landed table, or a union of all its versions, so that a copy is
    found even if it arrives in another version.
#}
{% macro landed_versions(source_name, table_name, further) %}
    {%- if not further -%}
        {{ return(source(source_name, table_name)) }}
    {%- endif -%}
    {%- set tables = [table_name] + further.keys() | list -%}
    {%- set columns = landed_columns(source_name, tables) -%}
    {%- set parts = [] -%}
    {%- for table in tables -%}
        {%- set own = landed_columns(source_name, [table]) -%}
        {%- set said = further.get(table, {}) -%}
        {%- set values = [] -%}
        {%- for column, type in columns.items() -%}
            {%- if column in own and own[column] != type and column not in said -%}
                {%- do exceptions.raise_compiler_error(
                    table ~ '.' ~ column ~ ' is ' ~ own[column] ~ ', which an earlier version has'
                    ~ ' as ' ~ type ~ ': pass landed() the SQL for that column'
                ) -%}
            {%- elif column in own and column not in said -%}
                {%- do values.append(column) -%}
            {%- else -%}
                {%- do values.append(
                    'cast(' ~ said.get(column, 'null') ~ ' as ' ~ type ~ ') as ' ~ column
                ) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- do parts.append(
            'select ' ~ values | join(',\n') ~ '\nfrom ' ~ source(source_name, table)
        ) -%}
    {%- endfor -%}
    {{ return('(\n' ~ parts | join('\nunion all\n') ~ '\n)') }}
{% endmacro %}

{#
    The columns of an event's landed tables with their types: those of the envelope, then those of
    the contracts. The first contract that names a column defines its type.
#}
{% macro landed_columns(source_name, table_names) %}
    {%- set columns = {} -%}
    {%- if execute -%}
        {%- set wanted = [('landing', 'envelope')] -%}
        {%- for table_name in table_names -%}
            {%- do wanted.append((source_name, table_name)) -%}
        {%- endfor -%}
        {%- for name in wanted -%}
            {#- By id: a search would convert the declarations of all events to dictionaries. -#}
            {%- set node = graph.sources['source.' ~ project_name ~ '.' ~ name | join('.')] -%}
            {%- for column in node.columns.values() if column.name not in columns -%}
                {%- do columns.update({column.name: column.data_type}) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- else -%}
        {%- do columns.update({'event_id': 'varchar(128)'}) -%}
    {%- endif -%}
    {{ return(columns) }}
{% endmacro %}
