"""Writing batches: dlt carries the rows, landed.batches says which of them count."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from hirehouse.events.validate import utc_now
from hirehouse.landing.check_batch import Checked
from hirehouse.landing.failed_events import already_known
from hirehouse.landing.inputs import InputProgress
from hirehouse.warehouse.connections import Warehouse, first_line
from hirehouse.warehouse.landed_schema import RAW
from hirehouse.warehouse.profile import WarehouseError

DIRECT = 20_000  # rows of a batch that dlt is not worth its fixed cost for
SETTINGS = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    # What goes wrong is raised, too; its log lines would hold statements and paths.
    "RUNTIME__LOG_LEVEL": "CRITICAL",
    # Its other namings rename columns such as `i_`.
    "SCHEMA__NAMING": "direct",
    "RESTORE_FROM_DESTINATION": "false",
    "NORMALIZE__WORKERS": "1",
    "LOAD__WORKERS": "4",
    # A second try of a part could double it: the batch is dropped and lands under a new id.
    "LOAD__RAISE_ON_MAX_RETRIES": "1",
    "LOAD__DELETE_COMPLETED_JOBS": "true",
}


class WriteError(WarehouseError):
    """A batch could not be written. `passing`: it may go well under a new batch_id."""

    def __init__(self, message: str, passing: bool) -> None:
        super().__init__(message)
        self.passing = passing


class Writer:
    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.folder, self.lock = _working_folder(warehouse.root / "data" / ".dlt")
        os.environ.update(SETTINGS)
        import dlt  # noqa: PLC0415 - takes a second

        self._dlt: Any = dlt
        self.pipeline = dlt.pipeline(
            "land",
            pipelines_dir=str(self.folder),
            destination=warehouse.dlt_destination(),
            dataset_name=RAW,
        )

    def write(self, tables: dict[str, pa.Table]) -> None:
        """Append rows; after a WriteError, what has been written must never count."""
        resources = [
            self._dlt.resource([table], name=name, write_disposition="append")
            for name, table in tables.items()
            if table.num_rows
        ]
        if not resources:
            return
        from dlt.load.exceptions import LoadClientJobRetry  # noqa: PLC0415 - as dlt itself

        try:
            # As Parquet through ADBC: the CSV way into PostgreSQL makes '' null.
            self.pipeline.run(resources, loader_file_format="parquet").raise_on_failed_jobs()
        except Exception as error:
            self.pipeline.drop_pending_packages()
            chain = list(_causes(error))
            passing = any(type(cause) is LoadClientJobRetry for cause in chain)
            # Of the root cause.
            raise WriteError(f"writing failed: {first_line(chain[-1])[:300]}", passing) from None
        finally:
            # dlt leaves the tables in reference cycles.
            del resources
            gc.collect()

    def close(self) -> None:
        """Remove its working folder, and leave the connection as it was."""
        if self.warehouse.engine == "duckdb":
            self.warehouse.execute("reset memory_limit")
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self.lock)


class BatchWriter:
    """The one way into schema landed: in batches, each of which counts once it is whole.

    Args:
        direct: batches of up to so many rows are written without dlt, which takes a second for
            any batch; it pays in large ones, which it writes in parallel.
    """

    def __init__(self, warehouse: Warehouse, direct: int = 0) -> None:
        self.warehouse, self.direct = warehouse, direct
        self.writer: Writer | None = None

    def commit(self, inputs: str, checked: Checked) -> int:
        """Land what was checked, under the landing lock, which the caller holds.

        Args:
            inputs: for landed.batches: what was read, as a JSON list of objects.

        Returns:
            The batch_id. After a WriteError nothing counts.
        """
        rows = sum(table.num_rows for table in checked.tables.values())
        if rows > self.direct and not self.writer:
            self.writer = Writer(self.warehouse)
        for tries_left in (2, 1, 0):
            batch_id = begin_batch(self.warehouse, inputs)
            try:
                tables = numbered(self.warehouse, checked.tables, batch_id)
                if self.writer and rows > self.direct:
                    self.writer.write(tables)
                else:
                    append(self.warehouse, tables)
            except WriteError as error:
                if not error.passing or not tries_left:
                    raise
                continue
            commit_batch(self.warehouse, batch_id, checked)
            break
        return batch_id

    def __enter__(self) -> BatchWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if self.writer:
            self.writer.close()


def append(warehouse: Warehouse, tables: dict[str, pa.Table]) -> None:
    """Append rows without dlt, in one transaction: after a WriteError there are none."""
    try:
        warehouse.append({name: table for name, table in tables.items() if table.num_rows})
    except Exception as error:
        # What DB-API calls operational is a lost connection, a lock or a full disk.
        passing = any(kind.__name__ == "OperationalError" for kind in type(error).__mro__)
        raise WriteError(f"writing failed: {first_line(error)[:300]}", passing) from None


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause:
        yield cause
        # dlt's exceptions of a job name what happened in the database as `client_exception`.
        cause = getattr(cause, "client_exception", None) or cause.__cause__


def _working_folder(parent: Path) -> tuple[Path, int]:
    """A folder of this writer alone, and its lock; the folders of processes that are gone go.

    What a crashed process left of a load is so dropped and never resumed: dlt would write a part of
    it twice, and its input lands again anyway.
    """
    parent.mkdir(parents=True, exist_ok=True)
    with (parent / "lock").open("w") as gate:
        # One process at a time, or one might sweep away what another is about to lock.
        fcntl.flock(gate, fcntl.LOCK_EX)
        for old in parent.glob("*/lock"):
            with old.open("w") as lock, contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(old.parent, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(dir=parent))
        # Open, and so locked, as long as the writer is in use.
        own = os.open(folder / "lock", os.O_RDWR | os.O_CREAT)
        fcntl.flock(own, fcntl.LOCK_EX)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder, own


def landed(warehouse: Warehouse, done: dict[str, InputProgress], after: int = 0) -> int:
    """Add to `done` how far inputs, by checksum, have landed after a batch; returns the highest."""
    for batch_id, inputs in warehouse.query(
        "select batch_id, inputs from landed.batches"
        " where committed_at is not null and batch_id > ? order by batch_id",
        [after],
    ):
        after = int(batch_id)
        for entry in orjson.loads(inputs):
            if "checksum" not in entry:
                continue
            known = done.setdefault(entry["checksum"], InputProgress())
            known.last_line = max(known.last_line, int(entry["last_line"]))
            known.complete = known.complete or bool(entry["complete"])
    return after


def begin_batch(warehouse: Warehouse, inputs: str) -> int:
    """Take the next batch_id. Committed at once, so that no other batch ever gets it again."""
    [(highest,)] = warehouse.query("select coalesce(max(batch_id), 0) from landed.batches")
    batch_id = int(highest) + 1
    warehouse.execute(
        "insert into landed.batches (batch_id, started_at, inputs) values (?, ?, ?)",
        [batch_id, utc_now(), inputs],
    )
    return batch_id


def commit_batch(warehouse: Warehouse, batch_id: int, checked: Checked) -> None:
    """Make the batch count: from this statement on, readers see its rows."""
    warehouse.execute(
        "update landed.batches set committed_at = ?, line_count = ?, event_count = ?,"
        " failed_count = ?, unknown_property_count = ? where batch_id = ?",
        [
            utc_now(),
            checked.line_count,
            checked.event_count,
            len(checked.failures),
            checked.unknown_count,
            batch_id,
        ],
    )


def numbered(
    warehouse: Warehouse, tables: dict[str, pa.Table], batch_id: int
) -> dict[str, pa.Table]:
    """The tables with their batch_id, less the failures that have landed before."""
    ids = tables["failed_events"]["failure_id"].to_pylist()
    known = already_known(warehouse, ids) if ids else set()
    result = {}
    for name, table in tables.items():
        if known and name.startswith("failed_event"):
            old = pc.is_in(table["failure_id"], pa.array(sorted(known)))
            table = table.filter(pc.invert(old))  # noqa: PLW2901
        column = pa.repeat(pa.scalar(batch_id, pa.int64()), table.num_rows)
        result[name] = table.append_column("batch_id", column)
    return result
