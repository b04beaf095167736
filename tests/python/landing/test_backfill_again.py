"""Backfill: a corrected one tells what it changes, and replaces the batch of an earlier one."""

from __future__ import annotations

import re
from pathlib import Path

import orjson
import pytest

from hirehouse.landing.land import land
from hirehouse.running.lock import LoopLock
from hirehouse.running.warm_dbt import DbtError
from hirehouse.warehouse.connections import open_warehouse
from support.backfills import HEADER, OFFERS, ROWS, run, written
from support.events import event, line, write
from support.forks import MODELS
from support.marts import dbt

BUILD = ("build", *MODELS, "--select", "+int_offers")


def test_a_mapping_that_gained_a_property_is_told_of_its_copies(
    environment: dict[str, str], tmp_path: Path
) -> None:
    fewer = re.sub(r"cast\(salary.*", "", OFFERS)
    source = written(tmp_path, mapping=fewer)
    assert run("--mapping", tmp_path / "mapping.sql", source).exit_code == 0
    (tmp_path / "mapping.sql").write_text(OFFERS)
    result = run("--mapping", tmp_path / "mapping.sql", source)
    assert result.exit_code == 0, result.output
    assert "offer_extended: 3 events had landed before; copies" in result.stderr
    assert "They differ from it in base_salary of 2, which no mart will show" in result.stderr
    assert "delete" not in result.stderr
    assert "run the same command with --instead-of 1\n" in result.stderr
    salaries = "select offer_id, base_salary from intermediate.int_offers order by 1"
    dbt(environment, tmp_path, *BUILD)
    with open_warehouse(environment["HIREHOUSE_TARGET"]) as warehouse:
        assert {salary for _, salary in warehouse.query(salaries)} == {None}
    replaced = run("--mapping", tmp_path / "mapping.sql", source, "--instead-of", "1")
    assert replaced.exit_code == 0, replaced.output
    assert "batch 1 counts no more; now run: dbt build --full-refresh\n" in replaced.stderr
    # An incremental build would keep the earlier salaries in some models.
    with pytest.raises(DbtError, match="a backfill has replaced a batch"):
        dbt(environment, tmp_path, *BUILD)
    dbt(environment, tmp_path, *BUILD, "--full-refresh")
    with open_warehouse(environment["HIREHOUSE_TARGET"]) as warehouse:
        assert [salary for _, salary in warehouse.query(salaries)] == [50_000, 70_000, None]
        [(rows, inputs)] = warehouse.query(
            "select count(*), max(inputs) from landed.offer_extended as e inner join"
            " landed.batches as b on e.batch_id = b.batch_id where b.batch_id = 1"
        )
        assert rows == len(ROWS)  # none has been deleted
        assert orjson.loads(inputs)[-1]["replaced_by"] == "mapping.ndjson.gz"
    # Events that came back as they were are no news.
    source.write_text(source.read_text() + "\n4,2024-07-02,,c4,,,")
    more = orjson.loads(run("--mapping", tmp_path / "mapping.sql", source, "--json").stdout)
    assert [(c["count"], c["differing"]) for c in more["copies"]] == [(3, {})]


@pytest.mark.one_engine
def test_only_a_batch_that_has_landed_again_is_replaced(
    environment: dict[str, str], tmp_path: Path
) -> None:
    source = written(tmp_path)
    arguments = ("--mapping", tmp_path / "mapping.sql", source)
    assert run(*arguments).exit_code == 0
    with open_warehouse(environment["HIREHOUSE_TARGET"]) as warehouse:
        land([write(tmp_path / "live.ndjson", [line(event(1))])], warehouse)
    for batch, why in (
        (1, "none of its events has landed again"),
        (2, "it has events that no backfill has made"),
        (3, "there is no batch 3 that counts"),
    ):
        result = run(*arguments, "--instead-of", batch)
        assert result.exit_code == 1
        assert f"--instead-of {batch}: {why}" in result.stderr
    lock = LoopLock()
    lock.acquire()
    assert run(*arguments, "--instead-of", 1).exit_code == 3
    lock.release()
    source.write_text("\n".join([HEADER, *ROWS[1:]]).replace("Pound", "Euro"))
    result = run(*arguments, "--instead-of", 1, "--json")
    assert result.exit_code == 0, result.output
    [text] = orjson.loads(result.stdout)["replaced"]
    assert text.endswith(". Not landed again: 1 of its events")
    assert text in result.stderr
    assert run(*arguments, "--instead-of", 1).exit_code == 1
    assert run(*arguments, "--instead-of", 1, "--no-land", "--out", tmp_path).exit_code == 2
    with open_warehouse(environment["HIREHOUSE_TARGET"]) as warehouse:
        counted = warehouse.query(
            "select batch_id from landed.batches where committed_at is not null order by 1"
        )
    assert counted == [(2,), (3,)]
