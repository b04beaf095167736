{#
    The source tables of all events, in all versions, for the models in models/staging/landing. They
    are listed by name, so that dbt's graph knows which models read them; a contract that is missing
    here is an error. scripts/scaffold writes the list.
#}
{% macro event_sources() %}
    {%- set names = {
        'billing': ['placement_invoiced', 'placement_refunded', 'subscription_changed'],
        'candidate_app': [
            'application_submitted', 'candidate_availability_changed',
            'candidate_profile_submitted', 'candidate_review_decided', 'candidate_signed_up',
        ],
        'data_science': ['candidate_scored', 'recommendation_shown'],
        'employer_app': [
            'candidate_profile_viewed', 'candidate_search_performed', 'employer_profile_updated',
            'employer_signed_up', 'interview_request_answered', 'interview_requested',
            'position_closed', 'position_opened', 'position_updated',
        ],
        'hiring': [
            'candidacy_closed', 'candidacy_stage_changed', 'candidate_started',
            'interview_completed', 'interview_scheduled', 'offer_answered', 'offer_extended',
        ],
        'privacy': ['person_erasure_requested'],
        'production': ['production_counted'],
        'web': [
            'email_clicked', 'email_delivered', 'experiment_exposed', 'identity_linked',
            'page_viewed',
        ],
    } -%}
    {%- set sources = [] -%}
    {%- for source_name, tables in names.items() -%}
        {%- for table_name in tables -%}
            {%- do sources.append({
                'source_name': source_name,
                'table_name': table_name,
                'relation': source(source_name, table_name),
            }) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(sources) }}
{% endmacro %}

{# The same tables with the event's name, the version and the properties from their contracts. #}
{% macro event_tables() %}
    {%- set tables = [] -%}
    {%- set listed = [] -%}
    {%- for item in event_sources() if execute -%}
        {%- set id = ['source', project_name, item.source_name, item.table_name] | join('.') -%}
        {%- set node = graph.sources[id] -%}
        {%- set version = node.config.meta.version or 1 -%}
        {%- set suffix = '_v' ~ version if version > 1 else '' -%}
        {%- do listed.append(id) -%}
        {%- do tables.append({
            'event': node.name[:node.name | length - suffix | length],
            'version': version,
            'relation': item.relation,
            'properties': node.columns.values() | list,
        }) -%}
    {%- endfor -%}
    {%- for id, node in (graph.sources.items() if execute else []) -%}
        {%- if node.source_name != 'landing' and id not in listed -%}
            {%- do exceptions.raise_compiler_error(
                "macros/landing/event_sources.sql does not list '" ~ node.name ~ "' of source '"
                ~ node.source_name ~ "', so its events would not count: run scripts/scaffold for it"
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(tables) }}
{% endmacro %}
