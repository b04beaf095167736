"""`failures replay --unknown`, and the dbt command it prints: as if a column had always been."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from test_contract_change import add_column, copied_whole, edit, says

from conftest import ENGINES, run_dbt
from hirehouse.warehouse.connections import open_warehouse
from simulator import simulate
from support.events import line, write
from support.forks import MODELS
from support.marts import MakeEnvironment, mart_hashes

STAGING = "stg_employer_app__position_opened"
LEVELS = f"select event_id, seniority from staging.{STAGING} order by 1"


def dbt(root: Path, *arguments: str) -> None:
    done = run_dbt([*arguments], {"DBT_TARGET_PATH": str(root / "target")}, root=root)
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.parametrize(
    ("engine", "whole"),
    [
        ("duckdb", False),  # down to staging alone, which takes a third of the time
        *(pytest.param(engine, True, marks=pytest.mark.every) for engine in ENGINES),
    ],
)
def test_what_it_prints_makes_marts_as_if_the_column_had_always_been(
    engine: str,
    whole: bool,
    tmp_path: Path,
    make_environment: MakeEnvironment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = copied_whole(tmp_path / "project")
    market = tmp_path / "market"
    simulate(market, seed=5, days=30, candidates=60, broken_share=0, unknown_share=0)
    texts = [gzip.decompress(path.read_bytes()) for path in market.glob("*.gz")]
    told = [json.loads(text) for text in b"".join(texts).splitlines()]
    opened = [one["properties"] for one in told if one["event"] == "position_opened"]

    def land_into(name: str, levels: list[str | None]) -> None:
        """A new warehouse with the market, its openings at these levels in turn."""
        (tmp_path / name).mkdir()
        for variable, value in make_environment(engine, tmp_path / name).items():
            monkeypatch.setenv(variable, value)
        for number, properties in enumerate(opened):
            properties["seniority"] = levels[number % 3]
        path = write(tmp_path / name / "in.ndjson", [line(one) for one in told])
        says(root, "land", str(path))

    land_into("grown", ["junior", "senior", "boss"])
    assert "not in its contract" in says(root, "failures", "list", "--unknown")
    assert "nothing to replay" in says(root, "failures", "replay", "--unknown")
    everything = ["build", *MODELS]
    dbt(root, *everything, *([] if whole else ["--select", f"+{STAGING}"]))
    add_column(root)
    # A mart shows the column, too.
    united = root / "models/intermediate/core/int_position_changes.sql"
    edit(united, "  role,\n        title,", "  role,\n        coalesce(seniority, title) as title,")
    replay = ("failures", "replay", "--unknown", "--event", "position_opened")
    dry = says(root, *replay, "--dry-run", code=1)
    assert "dry run" in dry
    assert "dbt build" not in dry
    said = says(root, *replay, code=1)
    wrong = len(opened) // 3
    assert f"{len(opened) - wrong} replayed: seniority of landed.position_opened" in said
    assert f"{wrong} fail: enum at seniority of landed.position_opened" in said
    command = said.splitlines()[-1].split()
    assert command == ["dbt", "build", "--full-refresh", "--select", f"{STAGING}+"]
    dbt(root, *command[1:-1], command[-1] if whole else STAGING)
    [left] = json.loads(says(root, "failures", "list", "--unknown", "--json"))
    assert (left["version"], left["count"], left["named"]) == (1, wrong, True)
    with open_warehouse(root=root) as warehouse:
        marts, levels = mart_hashes(warehouse), warehouse.query(LEVELS)
    assert {level for _, level in levels} == {"junior", "senior", None}
    if whole:
        land_into("always", ["junior", "senior", None])
        dbt(root, *everything)
        with open_warehouse(root=root) as warehouse:
            assert warehouse.query(LEVELS) == levels
            assert mart_hashes(warehouse) == marts
