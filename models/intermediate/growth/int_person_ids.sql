{{ config(incremental_strategy='delete+insert', unique_key='id') }}

with

changed as (

    {{ touched_keys('id', ['int_identity_link_ends', 'int_merged_users']) }}

),

-- A late link may take an id from one person to another; older links of it lead to the former one.
reached as (

    select id from changed
    union
    select ends.other_id as id
    from {{ ref('int_identity_link_ends') }} as ends
    inner join changed on ends.id = changed.id

),

touched as (

    select id from reached
    {% if is_incremental() %}
    union
    select peers.id
    from {{ this }} as peers
    inner join {{ this }} as known on peers.person_id = known.person_id
    inner join reached on known.id = reached.id
    {% endif %}

),

-- Several users may sign in, one after the other, in one browser, which does not make them one
-- person: an id that is no user's belongs to the first of them.
ranked as (

    select
        id,
        person_id as first_user_id,
        max(case when id = person_id or method = 'merge' then 1 else 0 end)
            over (partition by id) as is_user,
        row_number() over (partition by id order by occurred_at, event_id) as place
    from {{ ref('int_identity_link_ends') }}
    where {{ is_touched('id') }}

),

known as (

    select
        id,
        is_user = 1 as is_user,
        case when is_user = 1 then id else first_user_id end as user_id
    from ranked
    where place = 1

),

id_batches as (

    select
        id,
        max(batch_id) as batch_id
    from {{ ref('int_identity_link_ends') }}
    group by id

),

-- With the links of the ids that an id is linked to, so that a person who loses an id changes, too.
linked_batches as (

    select
        ends.id,
        max(id_batches.batch_id) as batch_id
    from {{ ref('int_identity_link_ends') }} as ends
    inner join id_batches on ends.other_id = id_batches.id
    where {{ is_touched('id', 'ends') }}
    group by ends.id

),

persons as (

    select
        known.id,
        coalesce(merged.person_id, known.user_id) as person_id,
        known.is_user,
        max(linked_batches.batch_id)
            over (partition by coalesce(merged.person_id, known.user_id)) as batch_id
    from known
    inner join linked_batches on known.id = linked_batches.id
    left join {{ ref('int_merged_users') }} as merged on known.user_id = merged.id

)

select * from persons
