-- What Redshift has and PostgreSQL has not, or has otherwise; schema rs comes first in the search path.
create schema rs;
grant usage on schema rs to public;

create function rs.getdate() returns timestamp language sql stable as
    $$ select cast(current_timestamp at time zone 'UTC' as timestamp(0)) $$;
create function rs.len(text) returns integer language sql immutable strict as
    $$ select pg_catalog.length(textsend($1), 'UTF8') $$;

-- The database counts text in bytes, as varchar(n) does on Redshift; these count characters.
create function rs.length(text) returns integer language sql immutable strict as
    $$ select pg_catalog.length(textsend($1), 'UTF8') $$;
create function rs.char_length(text) returns integer language sql immutable strict as
    $$ select pg_catalog.length(textsend($1), 'UTF8') $$;
create function rs.substring(text, integer, integer) returns text language sql immutable strict as $$
    select coalesce(string_agg(character[1], '' order by place), '')
    from regexp_matches($1, e'[\\x01-\\x7f]|[\\xc0-\\xff][\\x80-\\xbf]*', 'g')
        with ordinality as characters (character, place)
    where place >= $2 and place < $2 + $3
$$;
create function rs.substring(text, integer) returns text language sql immutable strict as
    $$ select rs.substring($1, $2, pg_catalog.length($1) + 1) $$;

-- The average of integers is an integer.
create function rs.avg_step(numeric[], bigint) returns numeric[] language sql immutable as
    $$ select case when $2 is null then $1 else array[$1[1] + $2, $1[2] + 1] end $$;
create function rs.avg_step(numeric[], integer) returns numeric[] language sql immutable as
    $$ select rs.avg_step($1, cast($2 as bigint)) $$;
create function rs.avg_end(numeric[]) returns bigint language sql immutable as
    $$ select cast(trunc($1[1] / nullif($1[2], 0)) as bigint) $$;
create aggregate rs.avg(bigint) (
    sfunc = rs.avg_step, stype = numeric[], initcond = '{0,0}', finalfunc = rs.avg_end
);
create aggregate rs.avg(integer) (
    sfunc = rs.avg_step, stype = numeric[], initcond = '{0,0}', finalfunc = rs.avg_end
);

-- How many times a part of the clock changed between two times.
create function rs.datediff(part text, a timestamp, b timestamp) returns bigint
language sql immutable strict as $$
    select cast(case lower(rtrim(part, 's'))
        when 'year' then extract(year from b) - extract(year from a)
        when 'quarter' then (extract(year from b) - extract(year from a)) * 4
            + extract(quarter from b) - extract(quarter from a)
        when 'month' then (extract(year from b) - extract(year from a)) * 12
            + extract(month from b) - extract(month from a)
        -- Weeks of datediff begin on Sunday.
        when 'week' then (cast(date_trunc('week', b + interval '1 day') as date)
            - cast(date_trunc('week', a + interval '1 day') as date)) / 7
        when 'day' then cast(b as date) - cast(a as date)
        when 'hour' then extract(epoch from date_trunc('hour', b) - date_trunc('hour', a)) / 3600
        when 'minute' then extract(epoch from date_trunc('minute', b) - date_trunc('minute', a)) / 60
        when 'second' then extract(epoch from date_trunc('second', b) - date_trunc('second', a))
    end as bigint)
$$;
create function rs.dateadd(part text, number bigint, at timestamp) returns timestamp
language sql immutable strict as
    $$ select $3 + cast($2 || ' ' || $1 as interval) $$;

-- Redshift has no cast from boolean to text.
create function rs.no_cast(boolean) returns text language plpgsql immutable as $$
begin
    raise exception 'cannot cast type boolean to character varying' using errcode = '42846';
end
$$;
update pg_catalog.pg_cast set castfunc = cast('rs.no_cast(boolean)' as regprocedure)
where castsource = cast('boolean' as regtype)
    and casttarget in (cast('text' as regtype), cast('varchar' as regtype));

-- The system views and functions that dbt-redshift reads.
create function rs.pg_get_late_binding_view_cols() returns setof record language plpgsql as
    $$ begin return; end $$;
create function rs.regexp_substr(text, text) returns text language sql immutable strict as
    $$ select coalesce(pg_catalog.substring($1, $2), '') $$;
create view rs.svv_external_columns as
select
    cast(null as text) as schemaname, cast(null as text) as tablename,
    cast(null as text) as columnname, cast(null as text) as external_type,
    cast(null as integer) as columnnum
where false;
create view rs.svv_redshift_databases as
select
    cast(datname as text) as database_name,
    case current_setting('default_transaction_isolation')
        when 'serializable' then 'Serializable' else 'Snapshot Isolation'
    end as database_isolation_level
from pg_database where datname = current_database();
create view rs.svv_table_info as
select
    cast(current_database() as text) as database, cast(nspname as text) as "schema",
    cast(classes.oid as integer) as table_id, cast(relname as text) as "table",
    'Y' as encoded, 'AUTO(ALL)' as diststyle, cast(null as text) as sortkey1, 256 as max_varchar,
    cast(null as text) as sortkey1_enc, 0 as sortkey_num,
    cast(pg_total_relation_size(classes.oid) / 1048576 as bigint) as size, 0.0 as pct_used,
    cast(null as numeric) as unsorted, 0.0 as stats_off, cast(reltuples as numeric) as tbl_rows,
    cast(null as numeric) as skew_sortkey1, cast(null as numeric) as skew_rows
from pg_class as classes
inner join pg_namespace as schemas on relnamespace = schemas.oid
where relkind = 'r' and nspname not like 'pg\_%' and nspname not in ('rs', 'information_schema');
grant select on all tables in schema rs to public;
