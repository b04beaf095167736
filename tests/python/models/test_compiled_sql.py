"""All compiled SQL keeps to the list of what all three engines have (allowed_sql.py)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from sqlglot import Token, TokenType, exp

from hirehouse.contracts.example import example_event
from hirehouse.contracts.model import ROOT, load
from hirehouse.landing.land import land
from hirehouse.running.warm_dbt import WarmDbt
from hirehouse.warehouse.connections import open_warehouse
from support.allowed_sql import CONSTRUCTS, FROM_MACROS, FUNCTIONS, JOINS, KEYWORDS, PARTS, TYPES
from support.events import line, write
from support.project import compiled, manifest

# Those that sqlglot may take for columns.
CLOCKS = {"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"}
NODES = CONSTRUCTS.union(*FUNCTIONS.values(), *FROM_MACROS.values())


def refused(sql: str, dialect: str = "duckdb") -> list[str]:
    """What a compiled statement has that the list does not, in words."""
    if not sql.strip():
        return []
    language = sqlglot.Dialect.get_or_raise(dialect)
    tokens = language.tokenize(sql)
    found = [*refused_words(tokens, FUNCTIONS | FROM_MACROS)]
    for statement in language.parser().parse(tokens, sql):
        assert statement is not None
        for node in statement.walk():
            found += refused_node(node)
    return sorted(set(found))


def refused_words(tokens: list[Token], functions: Iterable[str]) -> Iterable[str]:
    """What only the text tells: names as written, `::`, and types without a size."""
    following = [*tokens[1:], None]
    for token, after in zip(tokens, following, strict=True):
        word = token.text.lower()
        called = after is not None and after.token_type == TokenType.L_PAREN
        if token.token_type == TokenType.DCOLON:
            yield "::"
        elif token.token_type == TokenType.STRING:
            continue
        elif called and re.fullmatch(r"\w+", word) and word not in {*functions, *KEYWORDS}:
            yield f"{word}()"
        elif word in ("varchar", "numeric", "decimal", "char", "text") and not called:
            yield f"{word} without a size"


def refused_node(node: exp.Expr) -> Iterable[str]:
    name = type(node).__name__
    if name not in NODES:
        yield name
    if name in PARTS:
        parts = {key for key, value in node.args.items() if value}
        yield from (f"{name}.{part}" for part in parts - PARTS[name])
    if isinstance(node, exp.Join):
        yield from (f"{word} join" for word in (node.side, node.kind) if word.upper() not in JOINS)
        if node.side == "LEFT" and node.args.get("on"):
            yield from refused_on(node)
    elif isinstance(node, exp.DataType):
        yield from refused_type(node)
    elif isinstance(node, exp.Literal) and not node.is_string and "e" in node.this.lower():
        yield "a float"
    elif isinstance(node, exp.Column) and node.name.lower() in CLOCKS:
        yield "the wall clock"


def refused_on(join: exp.Join) -> Iterable[str]:
    """Conditions for which DuckDB compares each row with each, instead of hashing the join."""
    name = join.this.alias_or_name

    def sides(part: exp.Expr) -> set[bool]:
        return {column.table == name for column in part.find_all(exp.Column)}

    condition = join.args["on"]
    for part in condition.flatten() if isinstance(condition, exp.And) else [condition]:
        operands = []
        if isinstance(part, exp.EQ | exp.GT | exp.GTE | exp.LT | exp.LTE):
            operands = [sides(part.left), sides(part.right)]
        if sides(part) != {True} and operands not in ([{True}, {False}], [{False}, {True}]):
            yield f"left join on {part.sql()}"


def refused_type(node: exp.DataType) -> Iterable[str]:
    if not isinstance(node.this, exp.DType) or node.this.value not in TYPES:
        yield f"type {node.sql()}"
    if node.this == exp.DType.DECIMAL and len(node.expressions) != 2:
        yield "numeric without precision and scale"


def refused_in_source(text: str) -> list[str]:
    """What a model's own text may not have, though a macro may: compiled SQL no longer tells."""
    plain = re.sub(r"\{#.*?#\}", "", text, flags=re.DOTALL)
    # A macro's argument is SQL, too: only the braces go.
    tokens = sqlglot.tokenize(re.sub(r"\{[{%]-?|-?[%}]\}", " ", plain), read="duckdb")
    words = {token.text.lower() for token in tokens if token.token_type != TokenType.STRING}
    return [
        *(f"{name}() outside of a macro" for name in sorted(words & set(FROM_MACROS))),
        *(["::"] if "::" in words else []),
        *(["/ outside of ratio()"] if "/" in words else []),
    ]


# The project's SQL.


def check_folder(target: Path, dialect: str, least: int) -> None:
    files = sorted((target / "compiled" / "hirehouse").rglob("*.sql"))
    assert len(files) >= least
    found = {str(f.relative_to(target)): refused(f.read_text(), dialect) for f in files}
    assert {file: what for file, what in found.items() if what} == {}


def models() -> list[dict[str, Any]]:
    nodes = manifest()["nodes"].values()
    return [node for node in nodes if node["resource_type"] == "model"]


def incremental_tables() -> list[tuple[str, str]]:
    return [
        (node["schema"], node["alias"])
        for node in models()
        if node["config"]["materialized"] == "incremental"
    ]


def create_tables(folder: Path, variables: dict[str, str]) -> None:
    """An event of each kind and an empty table for each incremental model, so that dbt compiles
    an incremental run."""
    with open_warehouse(variables["HIREHOUSE_TARGET"]) as warehouse:
        examples = [line(example_event(contract)) for contract in load().values()]
        land([write(folder / "examples.ndjson", examples)], warehouse)
        for schema in sorted({schema for schema, _ in incremental_tables()}):
            warehouse.execute(f"create schema {schema}")
        for schema, name in incremental_tables():
            warehouse.execute(
                f"create table {schema}.{name} (batch_id bigint, occurred_at timestamp)"
            )


def compile_models(folder: Path, variables: dict[str, str]) -> Path:
    """dbt's target folder after compiling the models alone, for an incremental run."""
    dbt = WarmDbt(folder=folder / "target", variables=variables)
    # Selected by their type, models would bring their tests along.
    outcome = dbt.run("compile", "--exclude", "resource_type:test", "resource_type:unit_test")
    assert outcome.success, outcome.failed()
    texts = {f.stem: f.read_text() for f in (folder / "target/compiled").rglob("models/**/*.sql")}
    whole = [name for _, name in incremental_tables() if "batch_id > 0" not in texts[name]]
    assert whole == [], "this is no incremental run"
    assert texts["stg_landing__copies"].count("interval") > len(load())  # the copies' 30 days
    return folder / "target"


def test_a_first_run_keeps_to_the_list() -> None:
    check_folder(compiled(), "duckdb", least=len(models()))


def test_an_incremental_run_keeps_to_the_list(environment: dict[str, str], tmp_path: Path) -> None:
    create_tables(tmp_path, environment)
    target = compile_models(tmp_path, environment)
    check_folder(target, environment["HIREHOUSE_TARGET"], least=len(models()))


def test_models_leave_engine_differences_to_macros() -> None:
    found = {
        node["original_file_path"]: refused_in_source(
            (ROOT / node["original_file_path"]).read_text()
        )
        for node in models()
    }
    assert {file: what for file, what in found.items() if what} == {}


# The list refuses what it should.

GOOD = """
with a as (select id, cast(amount as numeric(12, 2)) as amount from schema_1.t as t where id > 1),
b as (
    select a.*, row_number() over (partition by a.id order by a.amount desc) as place,
        sum(a.amount) over (order by a.id rows unbounded preceding) as so_far,
        cast(null as varchar(40)) as name, count(distinct a.id) over () as ids
    from a left join t2 on a.id = t2.id and t2.v between 1 and 2
    where exists (select 1 from t3 where t3.id = a.id) and a.id in (1, 2) or not a.id is null
)
select distinct id, case when place = 1 then 'x' else coalesce(name, 'y') end as z from b
union all
select id, min(name) from b group by 1 having count(*) > 1 order by 1
"""

BAD = {
    "select a.id from a left join b on a.id = b.id and coalesce(a.d < b.d, true)": (
        "left join on COALESCE(a.d < b.d, TRUE)"
    ),
    "select a.id from a left join b on a.id = b.id and a.d = 0": "left join on a.d = 0",
    "select a from t qualify row_number() over (order by a) = 1": "Select.qualify",
    "select count(*) filter (where a = 1) from t": "Filter",
    "select distinct on (a) a, b from t": "Distinct.on",
    "select * from t, lateral (select t.a) as x": "Lateral",
    "select [1, 2] as a": "Array",
    "select array[1, 2] as a": "Array",
    "select a[1] from t": "Bracket",
    "select array_agg(a) from t": "array_agg()",
    "select string_agg(a, ',') from t": "string_agg()",
    "select unnest(a) from t": "unnest()",
    "select {'a': 1} as s": "Struct",
    "select a -> '$.b' from t": "JSONExtract",
    "select a ->> '$.b' from t": "JSONExtractScalar",
    "select json_extract(a, '$.b') from t": "json_extract()",
    "select a::integer from t": "::",
    "select try_cast(a as integer) from t": "TryCast",
    "select cast(a as varchar) from t": "varchar without a size",
    "select cast(a as text) from t": "text without a size",
    "select cast(a as numeric) from t": "numeric without a size",
    "select cast(a as numeric(12)) from t": "numeric without precision and scale",
    "select cast(a as decimal) from t": "decimal without a size",
    "select cast(a as float) from t": "type FLOAT",
    "select cast(a as real) from t": "type FLOAT",
    "select cast(a as double precision) from t": "type DOUBLE",
    "select cast(a as timestamp with time zone) from t": "type TIMESTAMPTZ",
    "select cast(a as json) from t": "type JSON",
    "select cast(a as integer[]) from t": "type ARRAY<INT>",
    "select 1e3 as a": "a float",
    "select avg(a) from t": "avg()",
    "select median(a) from t": "median()",
    "select percentile_cont(0.5) within group (order by a) from t": "percentile_cont()",
    "select stddev(a) from t": "stddev()",
    "select ifnull(a, 1) from t": "ifnull()",
    "select len(a) from t": "len()",
    "select upper(a) from t": "upper()",
    "select concat(a, b) from t": "concat()",
    "select strftime(a, '%Y') from t": "strftime()",
    "select to_char(a, 'YYYY') from t": "to_char()",
    "select epoch(a) from t": "epoch()",
    "select any_value(a) from t": "any_value()",
    "select my_function(a) from t": "my_function()",
    "select now() as a": "now()",
    "select current_date as a": "CurrentDate",
    "select current_timestamp as a": "CurrentTimestamp",
    "select random() as a": "random()",
    "select sum(a) over w from t window w as (order by a)": "Select.windows",
    "select a from t group by all": "Group.all",
    "select a, count(*) from t group by rollup (a)": "rollup()",
    "select a from t group by grouping sets ((a), ())": "GroupingSets",
    "select * exclude (a) from t": "Star.except_",
    "select * replace (1 as a) from t": "Star.replace",
    "select columns('a.*') from t": "Columns",
    "select a from t union all by name select a from u": "Union.by_name",
    "select * from t asof join u on t.a >= u.a": "Join.method",
    "select * from t natural join u": "Join.method",
    "select * from t semi join u on t.a = u.a": "SEMI join",
    "select * from t join u using (a)": "Join.using",
    "select * from t using sample 10": "Select.sample",
    "select * from t tablesample (10 percent)": "TableSample",
    "pivot t on a using sum(b)": "Pivot",
    "with recursive r as (select 1 as a union all select a + 1 from r) select * from r": (
        "With.recursive"
    ),
    "with a as materialized (select 1 as b) select * from a": "CTE.materialized",
    "values (1), (2)": "Values",
    "select a // 2 from t": "IntDiv",
    "select a % 2 from t": "Mod",
    "select a from t where a ilike 'x'": "ILike",
    "select a from t where a similar to 'x'": "SimilarTo",
    "select a from t where a ~ 'x'": "RegexpLike",
    "select a from t where regexp_matches(a, 'x')": "regexp_matches()",
    "select a is distinct from b from t": "NullSafeNEQ",
    "select list_transform(a, x -> x + 1) from t": "Lambda",
    "select a from read_csv('x.csv')": "read_csv()",
    "select a at time zone 'UTC' from t": "AtTimeZone",
    "delete from t": "Delete",
}

BAD_SOURCES = {
    "select a::integer from t": "::",
    "select a / b from t": "/ outside of ratio()",
    "select datediff('second', a, b) from t": "datediff() outside of a macro",
}


def test_what_all_engines_have_passes() -> None:
    assert refused(GOOD) == []
    assert refused(GOOD, "postgres") == []


@pytest.mark.parametrize(("sql", "what"), BAD.items())
def test_the_list_refuses(sql: str, what: str) -> None:
    assert what in refused(sql)


@pytest.mark.parametrize(("sql", "what"), BAD_SOURCES.items())
def test_a_models_text_is_refused(sql: str, what: str) -> None:
    assert what in refused_in_source(sql)


def test_comments_and_strings_are_no_sql() -> None:
    assert refused_in_source("{# a::b #} select 'a::b / c' as a -- datediff(a / b)\n") == []
