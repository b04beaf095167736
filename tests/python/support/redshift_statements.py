"""Statements that Redshift takes, and statements that it or the rig refuses."""

from __future__ import annotations

TAKEN = [
    "select a, sum(b) over (partition by c order by d rows unbounded preceding) as e from s.t",
    "select row_number() over (partition by a order by b) as place from s.t",
    "select a from s.t except select a from s.t2",
    "with a as (select 1 as b) select b from a union all select 2 as b",
    "select cast(a as varchar(10)), b::numeric(12, 2), cast(c as timestamp) from s.t",
    'select "raw", t."delta" from s.t as t',
    "select datediff(second, a, b), dateadd(day, -1, a) from s.t",
    "create table s.t (a varchar(3) not null, b bigint) diststyle key distkey (a) sortkey (a)",
    'create table "d"."s"."t" diststyle all compound sortkey (a) as (select 1 as a)',
    "create temporary table t as select a from s.t2",
    "create view s.v as (select a from s.t)",
    "create or replace view s.v as (select a from s.t)",
    "insert into s.t (a, b) values ($1, $2), ($3, $4)",
    "insert into s.t (a) (select a from s.t2)",
    "update s.t set a = 'x' where b = $1 and c in (select c from s.t2)",
    "delete from s.t where (a) in (select distinct a from s.t2 as x)",
    "alter table s.t rename to u",
    "alter table s.t alter column a type varchar(20)",
    "comment on column s.t.a is $x$it's a note$x$",
    "select has_table_privilege(current_user, 'svv_table_info', 'SELECT') as can_select",
    "lock table landed.landing_lock",
]
# A word that the refusal names, by statement.
REFUSED = {
    # functions and types
    "select string_agg(a, ',') from s.t": "string_agg",
    "select array_agg(a) from s.t": "array_agg",
    "select a from generate_series(1, 3) as g (a)": "generate_series",
    "select gen_random_uuid() as a from s.t": "gen_random_uuid",
    "select now() as a from s.t": "leader node",
    "select current_schema() as a from s.t": "leader node",
    "select substr(a, 1, 2) from s.t": "leader node",
    "select to_char(a, 'YYYY') from s.t": "to_char",  # it has it, and nobody uses it here
    "select cast(a as json) from s.t": "JSON",
    "select cast(a as uuid) from s.t": "UUID",
    "select a::text[] from s.t": "[]",
    "create table s.t (a serial)": "SERIAL",
    "create table s.t (a jsonb)": "JSONB",
    "create table s.t (a bytea)": "type",
    # reserved words as names
    "select a from raw.batches": "raw",
    "select t.raw from s.t as t": "raw",
    "select a as delta from s.t": "delta",
    "select a as user from s.t": "user",
    "create table s.t (tag varchar(3))": "tag",
    "create table s.t (oid bigint)": "oid",
    "select xmin from s.t": "xmin",
    # constructs
    "select a from (values (1), (2)) as v (a)": "VALUES",
    "select distinct on (a) a, b from s.t": "DISTINCT ON",
    "select count(*) filter (where a = 1) from s.t": "Filter",
    "select x.a from s.t, lateral (select t.a) as x": "lateral",
    "select a[1] from s.t": "Bracket",
    "select array[1, 2] as a": "Array",
    "select a is distinct from b from s.t": "NullSafe",
    "select a from s.t where a ~ 'x'": "Regexp",
    "select sum(a) over (order by b) from s.t": "frame clause",
    "select sum(a) over (order by b range unbounded preceding) from s.t": "RANGE",
    "with recursive r as (select 1 as a) select a from r": "recursive",
    "insert into s.t (a) values (1) on conflict do nothing": "ON CONFLICT",
    "insert into s.t (a) values (1) returning a": "RETURNING",
    "delete from s.t as x where x.a = 1": "alias",
    "select a from s.t for update": "Lock",
    "select a from s.t except all select a from s.t2": "EXCEPT ALL",
    "select a from s.t intersect all select a from s.t2": "INTERSECT ALL",
    # definitions
    "create index i on s.t (a)": "INDEX",
    "create sequence s.q": "SEQUENCE",
    "create or replace table s.t as select 1 as a": "TABLE",
    "create table s.t (a bigint primary key)": "PrimaryKey",
    "create table s.t (a bigint check (a > 0))": "check",
    "alter table s.t alter column a type bigint": "target data type",
    "alter table s.t set schema u": "set",
    "do $$ begin null; end $$": "do",
    # transactions and settings
    "rollback to savepoint a": "SAVEPOINT",
    "lock table s.t in share mode": "in",
    "set enable_nestloop to off": "enable_nestloop",
    "select 1 as a; select 2 as b": "multiple commands",
    # views of provisioned clusters only
    "select query from stl_query": "stl_query",
    "select a from svl_qlog": "svl_qlog",
    "select a from stv_recents": "stv_recents",
}
# Of these, what Redshift has, and the project has no use for.
UNUSED = {
    "select to_char(a, 'YYYY') from s.t",
    "select a from s.t where a ~ 'x'",
    "with recursive r as (select 1 as a) select a from r",
    "create table s.t (a bigint primary key)",
    "create table s.t (a bytea)",
}
