{{ config(group='growth') }}

-- Both ids of a merge stand for one person; int_merged_users finds no more than 64 merges in a row.
select ends.event_id
from {{ ref('int_identity_link_ends') }} as ends
inner join {{ ref('int_merged_users') }} as own_ids on ends.id = own_ids.id
inner join {{ ref('int_merged_users') }} as peers on ends.other_id = peers.id
where ends.method = 'merge' and own_ids.person_id <> peers.person_id
