{#
    The events of one raw table that this run learns of, each once, with the columns of the
    envelope and of the contract: the only macro that hides a column list.

    - Only batches up to this run's ceiling count (stg_landing__batches); rows of a crashed batch
      are in none.
    - An incremental run reads the batches after its own last one.
    - First landed wins: of several copies of an event, the one with the smallest
      (batch_id, batch_row) stays. A copy carries the same occurred_at, so the search for earlier
      ones is bounded by the new events' range of it.

    Arguments: the source's and the table's name; and of an event with further versions their
    tables, each with what it says, as SQL, of columns that an earlier one has and it has not, or
    in another type: {'offer_extended_v2': {'base_salary': 'yearly_salary'}}. What a version does
    not say at all is null.
#}
{% macro landed(source_name, table_name, further={}) %}
    {%- set raw_table = raw_versions(source_name, table_name, further) %}
    {%- set columns = landed_columns(source_name, [table_name] + further.keys() | list) -%}
    {%- set is_counted -%}
        events.batch_id in (select batches.batch_id from {{ ref('stg_landing__batches') }} as batches)
        and {{ is_new('events') }}
    {%- endset -%}
    select {% for column in columns %}
        events.{{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
    from {{ raw_table }} as events
    -- Only the keys are sorted, not the wide rows.
    left join (
        select
            events.batch_id,
            events.batch_row,
            row_number() over (
                partition by events.event_id, events.occurred_at
                order by events.batch_id, events.batch_row
            ) as copy_number
        from {{ raw_table }} as events
        where {{ is_counted }}
    ) as copies
        on
            events.batch_id = copies.batch_id
            and events.batch_row = copies.batch_row
            and copies.copy_number > 1
    {%- if is_incremental() %}
    -- A join and not an `exists`: PostgreSQL would search the table anew for every row.
    left join (
        select
            event_id,
            occurred_at
        from {{ this }}
        where {{ in_range(raw_table ~ ' as events', is_new()) }}
    ) as earlier
        on events.event_id = earlier.event_id and events.occurred_at = earlier.occurred_at
    {%- endif %}
    where
        {{ is_counted }}
        and copies.batch_id is null
        {%- if is_incremental() %}
        and earlier.event_id is null
        {%- endif %}
{%- endmacro %}
