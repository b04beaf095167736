-- A version must end where the next one begins, and the last one must be open. Otherwise a fact
-- would join to no version, or to two.
{% if execute and not is_built(['dim_candidates_history', 'dim_positions_history']) %}
select 1 as entity where 1 = 0
{% else %}
with

versions as (

    select
        'candidate' as entity,
        candidate_id as entity_id,
        valid_from,
        valid_to
    from {{ ref('dim_candidates_history') }}
    where {{ is_tested('model.hirehouse.dim_candidates_history') }}
    union all
    select
        'position' as entity,
        position_id as entity_id,
        valid_from,
        valid_to
    from {{ ref('dim_positions_history') }}
    where {{ is_tested('model.hirehouse.dim_positions_history') }}

),

followed as (

    select
        entity,
        entity_id,
        valid_from,
        valid_to,
        lead(valid_from) over (partition by entity, entity_id order by valid_from) as next_from
    from versions

)

select * from followed
where
    coalesce(valid_to, cast('9999-01-01' as timestamp))
    <> coalesce(next_from, cast('9999-01-01' as timestamp))
{% endif %}
