"""What Redshift refuses, the rig refuses; what the project uses, it takes."""

from __future__ import annotations

import pytest

from rig.allowed import ALLOWED_FUNCTIONS, CATALOG_FUNCTIONS
from rig.checking import refusal
from rig.published import LEADER_ONLY, UNSUPPORTED_FUNCTIONS, UNSUPPORTED_TYPES

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
    "create or replace view s.v as select 1 as a": "VIEW",
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


@pytest.mark.parametrize("sql", TAKEN)
def test_what_the_project_uses_passes(sql: str) -> None:
    assert refusal(sql) is None


@pytest.mark.parametrize(("sql", "named"), REFUSED.items())
def test_redshift_refuses(sql: str, named: str) -> None:
    refused = refusal(sql)
    assert refused
    assert named in f"{refused.message} {refused.detail}"


def test_a_type_is_not_changed_within_a_transaction() -> None:
    refused = refusal("alter table s.t alter column a type varchar(20)", in_transaction=True)
    assert refused
    assert "transaction block" in refused.message


def test_nothing_is_allowed_that_amazon_lists_as_unsupported() -> None:
    assert not ALLOWED_FUNCTIONS & (UNSUPPORTED_FUNCTIONS | LEADER_ONLY)
    assert not CATALOG_FUNCTIONS & UNSUPPORTED_FUNCTIONS
    assert len(UNSUPPORTED_FUNCTIONS) > 50
    assert len(UNSUPPORTED_TYPES) > 30


@pytest.mark.parametrize("name", sorted(UNSUPPORTED_FUNCTIONS | LEADER_ONLY))
def test_each_function_that_tables_can_not_use_is_refused(name: str) -> None:
    assert refusal(f"select {name}(a) from s.t")


@pytest.mark.parametrize("name", sorted(UNSUPPORTED_TYPES - {"varbit", "txid_snapshot"}))
def test_each_type_that_redshift_lacks_is_refused(name: str) -> None:
    assert refusal(f"create table s.t (a {name})")
