"""Files of marts and events hold the very rows of the marts."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hirehouse.warehouse.connections import open_warehouse
from support.built import Built
from support.exports import export, exported_hashes, manifest, paths
from support.marts import SCHEMAS, mart_hashes


@pytest.mark.parametrize(
    "schemas",
    [["finance", "product"], pytest.param(SCHEMAS, marks=pytest.mark.every)],
    ids=["some", "all"],
)
def test_files_of_the_marts_have_their_rows(
    built: Built, schemas: list[str], tmp_path: Path
) -> None:
    assert built
    with open_warehouse() as warehouse:
        expected = mart_hashes(warehouse, schemas, {})
    assert exported_hashes(tmp_path, schemas) == expected
    assert len(expected) > 5


def test_an_event_that_arrived_twice_is_exported_once(built: Built, tmp_path: Path) -> None:
    assert built
    export("events", "--event", "interview_requested", "--out", tmp_path)
    [relation] = manifest(tmp_path)["marts"]
    table = pa.concat_tables(pq.read_table(path) for path in paths(tmp_path, relation))
    with open_warehouse() as warehouse:
        [(landed,)] = warehouse.query("select count(*) from landed.interview_requested")
        ids = warehouse.query(f"select event_id from {relation}")
    assert sorted(table["event_id"].to_pylist()) == sorted(name for (name,) in ids)
    assert table.num_rows < landed
