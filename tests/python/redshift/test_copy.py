"""COPY and UNLOAD of Parquet files on S3, with the checks that Redshift makes."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rig.server import Redshift
from support.redshift import Connect, Connection

SCHEMA = pa.schema(
    [
        ("a", pa.int64()),
        ("b", pa.string()),
        ("c", pa.decimal128(12, 2)),
        ("d", pa.timestamp("us")),
        ("e", pa.date32()),
        ("f", pa.bool_()),
    ]
)
ROWS = [
    (1, "ä", Decimal("1.50"), datetime(2026, 1, 2, 3, 4, 5, 678901), date(2026, 1, 2), True),
    (2, "", None, None, None, None),
    (3, None, Decimal("-0.01"), None, None, False),
    (4, 'a "quote", and\na line', None, None, None, None),
]
Put = Callable[..., str]


@pytest.fixture
def run(connect: Connect) -> Connection:
    made = connect()
    made(
        "create table public.t"
        " (a bigint, b varchar(22), c numeric(12, 2), d timestamp, e date, f boolean)"
    )
    return made


@pytest.fixture
def parquet(redshift: Redshift) -> str:
    """The options of a COPY and of an UNLOAD."""
    return f"iam_role '{redshift.role}' format as parquet"


@pytest.fixture
def put(redshift: Redshift) -> Put:
    """A function that writes a table or a manifest under a key, and returns its URL."""

    folder = f"{redshift.prefix}/{uuid.uuid4().hex}"

    def write(key: str, content: pa.Table | list[dict[str, object]]) -> str:
        key = f"{folder}/{key}"
        file = io.BytesIO()
        if isinstance(content, pa.Table):
            pq.write_table(content, file)
        else:
            file.write(json.dumps({"entries": content}).encode())
        redshift.s3.put_object(Bucket=redshift.bucket, Key=key, Body=file.getvalue())
        return f"s3://{redshift.bucket}/{key}"

    return write


def table(rows: Sequence[tuple[object, ...]] = ROWS, schema: pa.Schema = SCHEMA) -> pa.Table:
    return pa.table(
        [pa.array(c, t) for c, t in zip(zip(*rows, strict=True), schema.types, strict=True)],
        schema=schema,
    )


def all_rows(run: Connection) -> list[tuple[object, ...]]:
    return run("select a, b, c, d, e, f from public.t order by a")


def test_files_of_a_prefix_are_copied_whole(run: Connection, put: Put, parquet: str) -> None:
    put("part-1", table(ROWS[:2]))
    url = put("part-2", table(ROWS[2:]))
    run(f"copy public.t from '{url[:-1]}' {parquet}")
    assert all_rows(run) == ROWS


def test_columns_are_taken_by_position(run: Connection, put: Put, parquet: str) -> None:
    url = put("x", table().select(["b", "a"]).rename_columns(["a", "b"]))
    run(f"copy public.t (b, a) from '{url}' {parquet}")
    assert run("select a, b from public.t order by a") == [row[:2] for row in ROWS]


def test_a_manifest_names_files_and_their_sizes(
    run: Connection, put: Put, parquet: str, redshift: Redshift
) -> None:
    put("other", table())
    url = put("listed", table())
    size = redshift.s3.head_object(
        Bucket=redshift.bucket, Key=url.removeprefix(f"s3://{redshift.bucket}/")
    )
    entry = {"url": url, "mandatory": True}
    copy = f"copy public.t from '{{}}' {parquet} manifest"
    without = put("without", [entry])
    assert "content_length" in run.error(copy.format(without))["M"]
    wrong = put("wrong", [entry | {"meta": {"content_length": 1}}])
    assert "manifest says 1" in run.error(copy.format(wrong))["M"]
    assert all_rows(run) == []
    good = put("good", [entry | {"meta": {"content_length": size["ContentLength"]}}])
    run(copy.format(good))
    assert all_rows(run) == ROWS


def test_what_does_not_fit_is_refused_whole(run: Connection, put: Put, parquet: str) -> None:
    wide = table([*ROWS, (5, "ä" * 12, None, None, None, None)])
    small = SCHEMA.set(0, pa.field("a", pa.int32()))
    scaled = SCHEMA.set(2, pa.field("c", pa.decimal128(12, 3)))
    told = {
        put("fewer", table().select(["a", "b"])): "Unmatched number of columns",
        put("wide", wide): "longer than the length defined in the table. Table: 22, Data: 24",
        put("type", table(schema=small)): "incompatible Parquet schema for column 'a'",
        put("scale", table(schema=scaled)): "incompatible Parquet schema for column 'c'",
    }
    for url, detail in told.items():
        assert detail in run.error(f"copy public.t from '{url}' {parquet}")["D"]
    assert all_rows(run) == []


def test_a_copy_is_part_of_its_transaction(run: Connection, put: Put, parquet: str) -> None:
    url = put("x", table())
    run("begin")
    run(f"copy public.t from '{url}' {parquet}")
    assert all_rows(run) == ROWS
    run("rollback")
    assert all_rows(run) == []
    run("begin")
    run.error(f"copy public.t (a) from '{url}' {parquet}")
    assert "aborted" in run.error("select a from public.t")["M"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("format as parquet", "not authorized to assume IAM Role"),
        ("iam_role 'arn:aws:iam::1:role/other' format parquet", "role/other"),
        ("iam_role '{role}' format parquet maxerror 5", "maxerror"),
        ("iam_role '{role}' format parquet truncatecolumns", "truncatecolumns"),
        ("iam_role '{role}' csv", "another format than Parquet"),
    ],
)
def test_options_are_refused(
    run: Connection, put: Put, redshift: Redshift, options: str, told: str
) -> None:
    copy = f"copy public.t from '{put('x', table())}' {options.format(role=redshift.role)}"
    assert told in run.error(copy)["M"]


def test_a_file_that_is_not_there_is_named(
    run: Connection, parquet: str, redshift: Redshift
) -> None:
    url = f"s3://{redshift.bucket}/nothing/here"
    assert "nothing/here" in run.error(f"copy public.t from '{url}' {parquet}")["M"]


def test_unload_writes_what_copy_reads(run: Connection, put: Put, parquet: str) -> None:
    run(f"copy public.t from '{put('x', table())}' {parquet}")
    to = put("out/", table())
    unload = (
        f"unload ('select a, b, c, d, e, f from public.t where b is null or b <> ''x''') to '{to}'"
    )
    assert "not empty" in run.error(f"{unload} {parquet}")["M"]
    run(f"{unload} {parquet} allowoverwrite")
    run("delete from public.t")
    run(f"copy public.t from '{to}0' {parquet}")
    assert all_rows(run) == ROWS
    assert (
        "string_agg"
        in run.error(f"unload ('select string_agg(b, a) from t') to '{to}' {parquet}")["D"]
    )
