{# Runs an update of this model's progress; returns these columns of its row as they are then. #}
{% macro update_progress(sql, columns) %}
    {{ return(adapter.dispatch('update_progress', 'hirehouse')(sql, columns)) }}
{% endmacro %}

{% macro default__update_progress(sql, columns) %}
    {{ return(run_query(sql ~ ' returning ' ~ columns).rows) }}
{% endmacro %}

{% macro redshift__update_progress(sql, columns) %}
    {%- do run_query(sql) -%}
    {{ return(run_query(
        'select ' ~ columns ~ ' from ' ~ progress_table()
        ~ " where model = '" ~ model_key(model) ~ "'"
    ).rows) }}
{% endmacro %}
