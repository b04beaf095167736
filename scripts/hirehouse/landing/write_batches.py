"""Writing batches: rows are appended, and landed.batches says which of them count."""

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from hirehouse.events.validate import utc_now
from hirehouse.landing.check_batch import Checked
from hirehouse.landing.failed_events import landed_failures
from hirehouse.landing.inputs import InputProgress
from hirehouse.warehouse.connections import Warehouse, first_line
from hirehouse.warehouse.profile import WarehouseError


class WriteError(WarehouseError):
    """A batch could not be written. `passing`: it may go well under a new batch_id."""

    def __init__(self, message: str, passing: bool) -> None:
        super().__init__(message)
        self.passing = passing


def write_batch(warehouse: Warehouse, inputs: str, checked: Checked) -> int:
    """Land what was checked, under the landing lock, which the caller holds.

    Args:
        inputs: for landed.batches: what was read, as a JSON list of objects.

    Returns:
        The batch_id.

    Raises:
        WriteError: nothing of it counts.
    """
    for tries_left in (2, 1, 0):
        batch_id = begin_batch(warehouse, inputs)
        try:
            append(warehouse, numbered(warehouse, checked.tables, batch_id))
        except WriteError as error:
            if not error.passing or not tries_left or not warehouse.keeps_lock:
                raise
            continue
        commit_batch(warehouse, batch_id, checked)
        break
    return batch_id


def append(warehouse: Warehouse, tables: dict[str, pa.Table]) -> None:
    """Append rows in one transaction: after a WriteError there are none."""
    try:
        warehouse.append({name: table for name, table in tables.items() if table.num_rows})
    except Exception as error:
        cause = error.__cause__ or error
        # DB-API calls a lost connection or a full disk operational; ADBC does not say so of a lock
        # that was not granted in time, which is class 55 of SQLSTATE.
        operational = any(kind.__name__ == "OperationalError" for kind in type(cause).__mro__)
        passing = operational or str(getattr(cause, "sqlstate", "")).startswith("55")
        raise WriteError(f"writing failed: {first_line(error)[:300]}", passing) from None


def read_progress(warehouse: Warehouse, done: dict[str, InputProgress], after: int = 0) -> int:
    """Add the progress of inputs, by checksum, in batches after `after`; returns the last batch."""
    for batch_id, inputs in warehouse.query(
        "select batch_id, inputs from landed.batches"
        " where committed_at is not null and batch_id > ? order by batch_id",
        [after],
    ):
        after = int(batch_id)
        for entry in orjson.loads(inputs):
            if "checksum" not in entry:
                continue
            progress = done.setdefault(entry["checksum"], InputProgress())
            progress.last_line = max(progress.last_line, int(entry["last_line"]))
            progress.complete = progress.complete or bool(entry["complete"])
    return after


def begin_batch(warehouse: Warehouse, inputs: str) -> int:
    """Take the next batch_id, and commit it, so that no other batch gets the same."""
    [(highest,)] = warehouse.query("select coalesce(max(batch_id), 0) from landed.batches")
    batch_id = int(highest) + 1
    warehouse.execute(
        "insert into landed.batches (batch_id, started_at, inputs) values (?, ?, ?)",
        [batch_id, utc_now(), inputs],
    )
    return batch_id


def commit_batch(warehouse: Warehouse, batch_id: int, checked: Checked) -> None:
    """Commit the batch: from this statement on, its rows count."""
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
    """The tables with their batch_id, without failures that have landed before."""
    ids = tables["failed_events"]["failure_id"].to_pylist()
    known = landed_failures(warehouse, ids) if ids else set()
    result = {}
    for name, table in tables.items():
        if known and name.startswith("failed_event"):
            old = pc.is_in(table["failure_id"], pa.array(sorted(known)))
            table = table.filter(pc.invert(old))  # noqa: PLW2901 - only what is new is numbered
        column = pa.repeat(pa.scalar(batch_id, pa.int64()), table.num_rows)
        result[name] = table.append_column("batch_id", column)
    return result
