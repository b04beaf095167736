"""A published copy of the marts: a DuckDB file of tables, which is replaced as a whole.

Its readers wait for nobody, and nobody waits for them: who has the old file open can go on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pyarrow as pa

from hirehouse.contracts.errors import ExpectedError
from hirehouse.contracts.files import locked, sync
from hirehouse.contracts.model import ROOT
from hirehouse.querying.reading import Reader, open_reader
from hirehouse.querying.relations import PRODUCTION, Mart, Relations
from hirehouse.warehouse.connections import Say, say_on_stderr
from hirehouse.warehouse.profile import read_profile

if TYPE_CHECKING:
    import duckdb

VARIABLE = "HIREHOUSE_PUBLISHED"
DEFAULT = Path("data/published/hirehouse.duckdb")
BUILDS = ("build", "run", "test", "seed", "retry")
GOOD = ("success", "pass", "warn", "skipped", "no-op", "reused")
NAMED = 5  # failures in a message
FOUND = "select table_schema, table_name from information_schema.tables"
DECIMAL = "numeric"


class NotPublished(ExpectedError):
    """Nothing has been published; the message says why."""


@dataclass
class Publication:
    """What has been published. `missing` are marts that have not been built."""

    path: Path
    tables: int
    rows: int
    missing: list[str]
    seconds: float


def published_path(root: Path = ROOT) -> Path:
    """Where the copy is: in HIREHOUSE_PUBLISHED, else below the project's folder."""
    return root / (os.environ.get(VARIABLE) or DEFAULT)


def check_build(root: Path = ROOT) -> str:
    """Make sure that the last build that dbt has recorded did not fail.

    Returns:
        Why that is unknown, if dbt has recorded no build; else nothing.

    Raises:
        NotPublished: it failed.
    """
    path = root / (os.environ.get("DBT_TARGET_PATH") or "target") / "run_results.json"
    if not path.exists():
        return f"whether the last build failed is unknown: there is no {path}"
    recorded = orjson.loads(path.read_bytes())
    command = recorded["args"].get("which", "")
    if command not in BUILDS:
        return f"whether the last build failed is unknown: {path} is of `dbt {command}`"
    bad = [one["unique_id"] for one in recorded["results"] if one["status"] not in GOOD]
    if bad:
        names = ", ".join(name.split(".")[2] for name in bad[:NAMED])
        more = f" and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
        ended = datetime.fromisoformat(recorded["metadata"]["generated_at"])
        raise NotPublished(
            f"not published: `dbt {command}` of {ended:%Y-%m-%d %H:%M} UTC failed in"
            f" {names}{more} (see {path}). Build again without a failure, or use --force"
        )
    return ""


def publish(
    target: str | None = None, path: Path | None = None, *, say: Say = say_on_stderr
) -> Publication:
    """Copy the public marts of a warehouse to a DuckDB file, all as of one moment.

    Args:
        target: an output of the profile.
        path: the file to replace; default `published_path`.
        say: told once when something has to be waited for.

    Raises:
        NotPublished: no mart has been built, or the file can't be written.
        WarehouseError: the warehouse can't be reached.
        OSError: the folder can't be written to.
    """
    import duckdb

    begun = time.monotonic()
    settings = read_profile(target)
    marts = Relations(ROOT, str(settings.get("schema") or PRODUCTION)).marts()
    marts = [mart for mart in marts if mart.public]
    path = path or published_path()
    new = path.with_name(f".{path.name}.new")
    path.parent.mkdir(parents=True, exist_ok=True)
    wait = partial(say, f"waiting for another process that publishes to {path.parent}")
    with locked(path.parent, wait), open_reader(settings, say=say) as reader:
        _remove(new)  # what a killed process has left
        found = {f"{schema}.{name}" for schema, name in _rows(reader, FOUND)}
        built = [mart for mart in marts if mart.relation in found]
        if not built:
            raise NotPublished(f"{reader.where} has no marts: run `dbt build` first")
        try:
            with duckdb.connect(str(new), config=settings.get("config_options") or {}) as copy:
                rows = sum([_copy(reader, mart, copy) for mart in built])
            new.chmod(0o444)  # who opened it to write would lock readers out
            sync(new)
            new.replace(path)
            sync(path.parent)
        except duckdb.Error as error:
            raise NotPublished(f"{path}: {error}") from error
        finally:
            _remove(new)
    missing = [mart.relation for mart in marts if mart not in built]
    return Publication(path, len(built), rows, missing, time.monotonic() - begun)


def _copy(reader: Reader, mart: Mart, copy: duckdb.DuckDBPyConnection) -> int:
    """Make a table of a mart, with its types and descriptions; returns its number of rows."""
    with reader.stream(f"select * from {mart.relation}") as batches:
        # PostgreSQL's driver gives decimals as texts.
        casts = ", ".join(
            f'cast("{name}" as {mart.columns[name][0]}) as "{name}"'
            for name in batches.schema.names
            if mart.columns.get(name, ("", ""))[0].startswith(DECIMAL)
        )
        copy.register("arriving", _without_extensions(batches))
        copy.execute(f"create schema if not exists {mart.relation.partition('.')[0]}")
        replaced = f"replace ({casts})" if casts else ""
        copy.execute(f"create table {mart.relation} as select * {replaced} from arriving")
        copy.unregister("arriving")
    copy.execute(f"comment on table {mart.relation} is {_quoted(mart.description)}")
    for name in batches.schema.names:
        if text := mart.columns.get(name, ("", ""))[1]:
            copy.execute(f'comment on column {mart.relation}."{name}" is {_quoted(text)}')
    [(rows,)] = copy.execute(f"select count(*) from {mart.relation}").fetchall()
    return int(rows)


def _rows(reader: Reader, sql: str) -> Iterator[tuple[str, ...]]:
    table = reader.read(sql).table
    return zip(*(column.to_pylist() for column in table.columns), strict=True)


def _without_extensions(batches: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """The same rows, where columns of a type that Arrow does not know are as they are stored."""
    kinds = [getattr(kind, "storage_type", kind) for kind in batches.schema.types]
    schema = pa.schema(list(zip(batches.schema.names, kinds, strict=True)))

    def stored() -> Iterator[pa.RecordBatch]:
        for batch in batches:
            columns = [getattr(column, "storage", column) for column in batch.columns]
            yield pa.record_batch(columns, schema=schema)

    return pa.RecordBatchReader.from_batches(schema, stored())


def _remove(new: Path) -> None:
    for path in (new, new.with_name(f"{new.name}.wal")):
        path.unlink(missing_ok=True)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
