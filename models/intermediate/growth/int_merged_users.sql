{{ config(
    incremental_strategy='delete+insert',
    unique_key='id'
) }}

{#
    Users with at most 2 to the power of this number of merges between them are found to be one
    person. A recursive query would have no limit, but on Redshift none that ends in a circle.
#}
{% set doublings = 6 %}

with

merge_ends as (

    select * from {{ ref('int_identity_link_ends') }} where method = 'merge'

),

touched as (

    select id from merge_ends
    where {{ is_changed() }}
    {% if is_incremental() %}
    union
    select peers.id
    from {{ this }} as peers
    inner join {{ this }} as known on peers.person_id = known.person_id
    inner join merge_ends on known.id = merge_ends.id
    where {{ is_changed('merge_ends') }}
    {% endif %}

),

touched_ends as (

    select * from merge_ends where {{ is_touched('id') }}

),

reached_0 as (

    select
        id,
        other_id
    from touched_ends
    union
    select
        id,
        id as other_id
    from touched_ends

),

{% for number in range(doublings) -%}
reached_{{ number + 1 }} as (

    select distinct
        near.id,
        far.other_id
    from reached_{{ number }} as near
    inner join reached_{{ number }} as far on near.other_id = far.id

),

{% endfor -%}
-- The last merge names the person.
ranked as (

    select
        reached.id,
        touched_ends.person_id,
        row_number() over (
            partition by reached.id
            order by touched_ends.occurred_at desc, touched_ends.event_id desc
        ) as place_from_last,
        max(touched_ends.batch_id) over (partition by reached.id) as batch_id
    from reached_{{ doublings }} as reached
    inner join touched_ends on reached.other_id = touched_ends.id

),

merged as (

    select
        id,
        person_id,
        batch_id
    from ranked
    where place_from_last = 1

)

select * from merged
