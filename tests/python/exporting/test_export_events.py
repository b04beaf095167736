"""Landed events are exported without personal data, with lists as JSON text."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hirehouse.contracts.model import ROOT, load
from hirehouse.exporting.exports import choose_events
from hirehouse.warehouse.connections import open_warehouse
from support.events import line
from support.exports import OFFERS, content, export, make, manifest, paths, rows_of
from support.marts import land_into

EVENT = "candidate_profile_submitted"
STAGED = f"staging.stg_candidate_app__{EVENT}"


def profile(number: int, day: str, skills: list[str] | None) -> bytes:
    """A profile that a candidate submits."""
    properties = {
        **{"candidate_id": f"c-{number}", "role": "data_engineer", "years_experience": number},
        **{"location": "Berlin", "remote_preference": "remote", "skills": skills},
    }
    return line(
        {
            **{"type": "track", "event": EVENT, "messageId": f"p-{number}", "userId": "u"},
            **{"timestamp": f"{day}T09:30:00Z", "properties": properties},
        }
    )


@pytest.fixture
def submitted(duckdb_environment: dict[str, str], tmp_path: Path) -> Path:
    """An export of profiles from 2 February on."""
    lines = [
        profile(1, "2026-02-01", ["SQL"]),
        profile(2, "2026-02-02", ["SQL ", "sql", "Python", 'a "b", c']),
        profile(3, "2026-03-01", None),
        profile(4, "2026-03-31", []),
    ]
    (tmp_path / "events.ndjson").write_bytes(b"\n".join(lines))
    land_into(duckdb_environment, [tmp_path / "events.ndjson"])
    with open_warehouse() as warehouse:  # as staging has it where nothing arrived twice
        warehouse.execute("create schema staging")
        warehouse.execute(f"create view {STAGED} as select * from landed.{EVENT}")
        batches = "staging.stg_landing__batches"
        warehouse.execute(f"create view {batches} as select * from landed.batches")
    out = tmp_path / "profiles"
    export("events", "--event", EVENT, "--since", "2026-02-02", "--out", out)
    return out


def test_events_are_exported_with_their_payload(submitted: Path) -> None:
    table = pa.concat_tables(pq.read_table(path) for path in paths(submitted, STAGED))
    rows = sorted(table.to_pylist(), key=lambda row: row["event_id"])
    assert [row["event_id"] for row in rows] == ["p-2", "p-3", "p-4"]
    assert json.loads(rows[0]["skills"]) == ["SQL ", "sql", "Python", 'a "b", c']
    assert [row["skills"] for row in rows[1:]] == [None, "[]"]
    assert {row["batch_id"] for row in rows} == {manifest(submitted)["data_version"]}
    assert [file["month"] for file in manifest(submitted)["marts"][STAGED]["files"]] == [
        "2026-02",
        "2026-03",
    ]


def test_personal_data_of_events_stays_in_the_warehouse() -> None:
    personal = [
        (contract.event, column.name)
        for contract in load(ROOT).values()
        for column in contract.columns
        if column.meta.get("pii")
    ]
    assert personal
    for event, column in personal:
        [one] = choose_events([event], None, "analytics")
        assert column not in one.columns
        assert "event_id" in one.columns


@pytest.mark.every
def test_spark_reads_exports_and_its_results_land(submitted: Path, tmp_path: Path) -> None:
    """Where pyspark and Java are installed, which hirehouse does not depend on."""
    sql = pytest.importorskip("pyspark.sql")
    if not shutil.which("java"):
        pytest.skip("Java is not installed")
    with open_warehouse() as warehouse:
        make(warehouse, OFFERS, 120)
    export(OFFERS, "--out", tmp_path / "out")
    settings = sql.SparkSession.builder.master("local[1]")
    spark = settings.config("spark.sql.session.timeZone", "UTC").getOrCreate()
    read = spark.read.parquet(*paths(tmp_path / "out", OFFERS)).toArrow()
    assert rows_of(read) == content(tmp_path / "out", OFFERS)
    spark.stop()

    copy, example = tmp_path / "copy", ROOT / "examples" / "spark"
    shutil.copytree(ROOT / "scripts", copy / "scripts")
    shutil.copytree(ROOT / "models", copy / "models")
    contract = example / "candidate_skills_normalized.yml"
    shutil.copy(contract, copy / "models" / "staging" / "candidate_app")
    hirehouse = ["-c", "from hirehouse.commands.main import main; main()"]
    own = {"PYTHONPATH": str(copy / "scripts")}
    for command in (
        [str(example / "normalize_skills.py"), str(submitted), str(tmp_path / "skills")],
        [*hirehouse, "contracts", "check"],
        [*hirehouse, "land", str(tmp_path / "skills")],
    ):
        command = [sys.executable, *command]  # noqa: PLW2901
        done = subprocess.run(
            command, cwd=copy, env=os.environ | own, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    with open_warehouse() as warehouse:
        found = warehouse.query(
            "select event_id, occurred_at, candidate_id, skill_count, skills"
            " from landed.candidate_skills_normalized order by event_id"
        )
    assert [(row[0], str(row[1]), *row[2:]) for row in found] == [
        ("skills-p-2", "2026-02-02 09:30:00", "c-2", 3, '["sql","python","a \\"b\\", c"]'),
        ("skills-p-4", "2026-03-31 09:30:00", "c-4", 0, "[]"),
    ]
