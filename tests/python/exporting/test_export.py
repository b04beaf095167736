"""Exports are whole, are as the mart is, and write only what has changed."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import ALL_ENGINES, BUCKET, ENGINES
from hirehouse.exporting.exports import choose_marts
from hirehouse.exporting.folders import Folder
from hirehouse.warehouse.connections import open_warehouse
from support.exports import (
    FUNNEL,
    OFFERS,
    PAUSE,
    content,
    export,
    exporting,
    make,
    manifest,
    mart,
    paths,
    rows_in,
    rows_of,
)
from support.forks import Fork
from support.marts import Enter
from support.servers import S3

ROWS = 120  # of the marts, over four months


@pytest.fixture(params=ALL_ENGINES)
def engine(request: pytest.FixtureRequest, enter: Enter) -> str:
    """A warehouse of each engine with a table and a view; it is closed."""
    name = str(request.param)
    enter(name)
    with open_warehouse() as warehouse:
        make(warehouse, OFFERS, ROWS)
        make(warehouse, FUNNEL, ROWS, view=True)
    return name


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "it's [out], 1"


def stored(relation: str) -> list[tuple[Any, ...]]:
    with open_warehouse() as warehouse:
        return rows_in(warehouse, relation)


def change(sql: str) -> None:
    with open_warehouse() as warehouse:
        warehouse.execute(sql)


def names(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


@pytest.mark.redshift
@pytest.mark.usefixtures("engine")
def test_files_hold_what_the_marts_do(out: Path) -> None:
    said = export(OFFERS, "hiring_funnel_weekly", "--out", out).stdout
    assert f"version 1 in file://{out}: 2 relations, {2 * ROWS} rows" in said
    for relation in (OFFERS, FUNNEL):
        expected = stored(relation)
        assert len(expected) == ROWS
        assert content(out, relation) == expected
        files = paths(out, relation)
        listed = ", ".join("'" + f.replace("'", "''") + "'" for f in files)
        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            read = connection.sql(f"from read_parquet([{listed}])").to_arrow_table()
        assert rows_of(read) == expected
        assert rows_of(pl.read_parquet(files, glob=False).to_arrow()) == expected
        frame = pd.concat(pd.read_parquet(file, dtype_backend="pyarrow") for file in files)
        assert rows_of(pa.Table.from_pandas(frame, preserve_index=False)) == expected
    types = {field.name: str(field.type) for field in pq.read_schema(paths(out, OFFERS)[0])}
    assert types["offered_at"] == "timestamp[us, tz=UTC]"
    assert types["base_salary"] == "int32"
    assert types["expires_on"] == "date32[day]"
    assert pq.read_schema(paths(out, FUNNEL)[0]).field("hired_ratio").type == pa.decimal128(9, 4)


@pytest.mark.redshift
def test_the_manifest_tells_what_is_where(engine: str, out: Path) -> None:
    change("create schema staging")
    change("create table staging.stg_landing__batches as select 41 as batch_id union select 9")
    change("create schema if not exists core")
    change("create table core.data_as_of as select date '2026-03-31' as as_of_day")
    assert json.loads(export(OFFERS, "--out", out, "--json").stdout) == manifest(out)
    told = manifest(out)
    assert told == manifest(out, 1)
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    assert told["git_revision"] == (head.stdout.strip() or None)
    assert (told["version"], told["data_version"], told["as_of_day"]) == (1, 41, "2026-03-31")
    assert engine in told["engine"].lower()
    one = told["marts"][OFFERS]
    assert (one["rows"], one["partition_by"]) == (ROWS, "offered_at")
    assert one["description"] == mart(OFFERS).description
    assert one["columns"][8] == {
        "name": "offered_at",
        "data_type": "timestamp",
        "description": "When the offer was made, UTC.",
    }
    months = [file["month"] for file in one["files"]]
    # The first row is a microsecond before the end of its month.
    assert months == ["2025-12", "2026-01", "2026-02", "2026-03", "2026-04"]
    assert one["files"][0]["rows"] == 1
    for file in one["files"]:
        read = (out / file["path"]).read_bytes()
        assert (len(read), hashlib.sha256(read).hexdigest()) == (file["bytes"], file["sha256"])
        assert pq.read_metadata(out / file["path"]).num_rows == file["rows"]


@pytest.mark.redshift
@pytest.mark.usefixtures("engine")
def test_only_changed_months_are_written_and_old_versions_stay_readable(out: Path) -> None:
    export("marketplace.fct_offers", "--out", out)
    before, first = names(out), content(out, OFFERS)
    assert "(unchanged)\n0 files written" in export(OFFERS, "--out", out).stdout
    assert names(out) == before
    change(f"update {OFFERS} set role = 'x' where offered_at >= '2026-02-03' and offer_id = ''")
    change(f"delete from {OFFERS} where offered_at >= '2026-03-01'")
    assert "\n1 files written" in export(OFFERS, "--out", out).stdout
    assert content(out, OFFERS) == stored(OFFERS) != first
    assert content(out, OFFERS, 1) == first
    old, new = (paths(out, OFFERS, version) for version in (1, 2))
    assert [old[n] == new[n] for n in range(len(new))] == [True, True, False]
    # Then two rows trade a value, so that each column has the same values as before.
    for two, three in (("a", "b"), ("b", "a")):
        place = f"case offer_id when 'text 2' then '{two}' else '{three}' end"
        change(f"update {OFFERS} set location = {place} where offer_id in ('text 2', 'text 3')")
        assert "\n1 files written" in export(OFFERS, "--out", out).stdout


@pytest.mark.usefixtures("engine")
def test_versions_are_kept_by_number_and_by_age(out: Path) -> None:
    for number in range(1, 5):
        change(f"update {OFFERS} set base_salary = {number} where offered_at < '2026-01-01'")
        export(OFFERS, "--out", out, "--keep", "2")
    found = sorted(name for name in names(out) if name.startswith("versions/"))
    assert found == ["versions/000003.json", "versions/000004.json"]
    needed = {path for version in (3, 4) for path in paths(out, OFFERS, version)}
    assert {str(out / n) for n in names(out) if n.endswith(".parquet")} == needed
    for version, days in ((3, 40), (4, 20)):
        path = out / f"versions/{version:06}.json"
        then = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="seconds")
        path.write_text(json.dumps(manifest(out, version) | {"created_at": then}))
    change(f"update {OFFERS} set base_salary = 9 where offered_at < '2026-01-01'")
    export(OFFERS, "--out", out, "--keep", "1", "--keep-days", "30")
    found = sorted(name for name in names(out) if name.startswith("versions/"))
    assert found == ["versions/000004.json", "versions/000005.json"]


@pytest.mark.one_engine
@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(n, marks=pytest.mark.every) for n in range(1, 20))]
)
@pytest.mark.usefixtures("engine")
def test_an_export_that_is_killed_is_finished_by_the_next(out: Path, seed: int) -> None:
    draw = random.Random(seed)
    export(OFFERS, FUNNEL, "--out", out)
    old = {relation: content(out, relation) for relation in (OFFERS, FUNNEL)}
    change(f"update {OFFERS} set base_salary = 1")
    change(f"update {FUNNEL}_rows set hired_count = 1")
    new = {relation: stored(relation) for relation in (OFFERS, FUNNEL)}
    killed, left = 0, 0
    for _ in range(2):
        child = Fork(partial(exporting, str(out), [OFFERS, FUNNEL]))
        for _ in range(draw.randrange(1, 12)):  # of ten files and two manifests
            child.until("add")
        time.sleep(draw.random() * 2 * PAUSE)
        killed += child.kill()
        found = {relation: content(out, relation) for relation in (OFFERS, FUNNEL)}
        assert found in (old, new)
        count = len([name for name in names(out) if name.endswith(".parquet")])
        assert count >= left or found == new  # what is there is used again
        left = count
    assert killed
    export(OFFERS, FUNNEL, "--out", out, "--keep", "1")
    assert {relation: content(out, relation) for relation in (OFFERS, FUNNEL)} == new
    kept = {str(Path(path).relative_to(out)) for one in new for path in paths(out, one)}
    version = manifest(out)["version"]
    assert names(out) == kept | {"manifest.json", f"versions/{version:06}.json"}


@pytest.mark.usefixtures("duckdb_environment")
def test_an_export_waits_for_another_one_into_the_same_folder(out: Path) -> None:
    change("create table t as select 1 as a")
    said: list[str] = []
    with Folder(str(out)).writing(said.append):
        child = Fork(partial(exporting, str(out), [OFFERS]))
        assert child.until(f"waiting for another process that exports to {out}")
        child.kill()
    assert said == []


def test_s3_has_what_a_folder_has(s3: S3, enter: Enter, tmp_path: Path) -> None:
    enter("duckdb")
    with open_warehouse() as warehouse:
        make(warehouse, OFFERS, ROWS)
    url = f"s3://{BUCKET}/marts/a b"
    export(OFFERS, "--out", url)
    change(f"update {OFFERS} set base_salary = 1 where offered_at < '2026-01-01'")
    s3.requests.clear()
    assert "\n1 files written" in export(OFFERS, "--out", f"{url}/", "--keep", "1").stdout
    written = [path for method, path in s3.requests if method == "PUT" and path[-1] != "/"]
    assert len([path for path in written if path.endswith(".parquet")]) == 1
    assert written[-1].endswith("manifest.json")
    for key in s3.objects(BUCKET):
        path = tmp_path / "copy" / key.removeprefix("marts/a b/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(s3.client.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    copied = tmp_path / "copy"
    assert content(copied, OFFERS) == stored(OFFERS)
    assert names(copied) == {
        "manifest.json",
        "versions/000002.json",
        *(str(Path(path).relative_to(copied)) for path in paths(copied, OFFERS)),
    }
    s3.fault = lambda method, _, __: "AccessDenied" if method == "PUT" else ""
    change(f"update {OFFERS} set base_salary = 2")
    assert "access denied: allow s3:PutObject" in export(OFFERS, "--out", url, code=2).stderr


@pytest.mark.usefixtures("duckdb_environment")
@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["nothing"], 1, "no mart or schema 'nothing'; schemas are core, data_science, "),
        (["marketplace.fct_offer"], 1, "no mart or schema 'marketplace.fct_offer'"),
        (["fct_offers"], 1, "not built yet: marketplace.fct_offers: run `dbt build` first"),
        (["fct_offers", "--event", "offer_extended"], 2, "--event and --since are for"),
        (["events"], 2, "needs --event"),
        (["events", "--event", "offer"], 1, "no event 'offer': see `hirehouse contracts list`"),
        (["fct_offers", "--catalog", "sqlite:///x"], 2, "--catalog is for --format iceberg"),
        (["fct_offers", "--since", "yesterday"], 2, "does not match"),
    ],
)
def test_what_can_not_be_exported_is_told(
    out: Path, arguments: list[str], code: int, told: str
) -> None:
    change("create table t as select 1 as a")
    assert told in " ".join(export(*arguments, "--out", out, code=code).stderr.split())


def test_a_developers_marts_have_the_prefix_of_the_schema() -> None:
    [one] = choose_marts(["fct_offers"], "dev_ana")
    assert one.relation == "dev_ana_marketplace.fct_offers"
    for name in ("marketplace", "dev_ana_marketplace"):
        assert one in choose_marts([name], "dev_ana")
    assert {one.partition_by for one in choose_marts(["dim_dates", "person_ids"], "a")} == {""}


@pytest.mark.usefixtures("redshift_environment")
def test_redshift_unloads_through_the_stage(
    out: Path, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_warehouse() as warehouse:
        make(warehouse, OFFERS, 1)
        warehouse.execute(f"delete from {OFFERS}")
    assert "1 relations, 0 rows" in export(OFFERS, "--out", out).stdout
    assert manifest(out)["marts"][OFFERS]["files"] == []
    assert s3.client.list_objects_v2(Bucket=BUCKET, Prefix="stage/").get("KeyCount", 0) == 0
    monkeypatch.setenv("HIREHOUSE_S3_STAGE", "")
    assert "set HIREHOUSE_S3_STAGE" in export(OFFERS, "--out", out, code=1).stderr


# `getrusage` also counts the process that this one was started by.
MEASURED = """
import re, sys
from pathlib import Path
from hirehouse.commands.main import app
app(sys.argv[1:], standalone_mode=False)
[kilobytes] = re.findall("VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(int(kilobytes) // 1024)
"""
MANY = 3_000_000


@pytest.mark.every
@pytest.mark.parametrize("engine_of_many", ENGINES)
@pytest.mark.parametrize("view", [False, True])
def test_memory_does_not_grow_with_the_rows(
    engine_of_many: str, view: bool, enter: Enter, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A month of three million rows, which would need a gigabyte at once."""
    enter(engine_of_many)
    with open_warehouse() as warehouse:
        make(warehouse, OFFERS, 12, view=view)
        table = OFFERS + "_rows" * view
        warehouse.execute(f"update {table} set offered_at = '2026-01-01', role = offer_id")
        warehouse.execute(
            f"insert into {table} select r.* from {table} as r, generate_series(1, {MANY // 12})"
        )
    monkeypatch.setenv("HIREHOUSE_DUCKDB_MEMORY", "300MB")
    command = [sys.executable, "-c", MEASURED, "export", OFFERS, "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    megabytes = int(done.stdout.splitlines()[-1])
    assert manifest(out)["marts"][OFFERS]["rows"] == MANY + 12
    assert sum(pq.read_metadata(path).num_rows for path in paths(out, OFFERS)) == MANY + 12
    assert megabytes < 800, megabytes
