"""A published copy of the marts: a DuckDB file of tables, which is replaced as a whole.

Its readers wait for nobody, and nobody waits for them: who has the old file open can go on.
"""

from __future__ import annotations

import os
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from hirehouse.contracts.errors import ExpectedError
from hirehouse.contracts.files import locked, sync
from hirehouse.contracts.model import ROOT
from hirehouse.querying.reading import Reader, open_reader, with_decimals
from hirehouse.querying.relations import PRODUCTION, Mart, Relations
from hirehouse.warehouse.connections import Say, say_on_stderr
from hirehouse.warehouse.profile import read_profile
from hirehouse.warehouse.sql import literal

if TYPE_CHECKING:
    import duckdb

VARIABLE = "HIREHOUSE_PUBLISHED"
DEFAULT = Path("data/published/hirehouse.duckdb")
BUILDS = ("build", "run", "test", "seed", "retry")
GOOD = ("success", "pass", "warn", "skipped", "no-op", "reused")
NAMED = 5  # failures in a message


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


def published_path() -> Path:
    """Where the copy is: in HIREHOUSE_PUBLISHED, else below the project's folder."""
    return ROOT / (os.environ.get(VARIABLE) or DEFAULT)


def check_build() -> str:
    """Make sure that the last build that dbt has recorded did not fail.

    Returns:
        Why that is unknown, if dbt has recorded no build; else nothing.

    Raises:
        NotPublished: it failed.
    """
    path = ROOT / (os.environ.get("DBT_TARGET_PATH") or "target") / "run_results.json"
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
    with locked(path.parent, wait), closing(open_reader(settings, say)) as reader:
        _remove(new)  # what a killed process has left
        found = reader.relations()
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
    copy.execute(f"create schema if not exists {mart.relation.partition('.')[0]}")
    with reader.stream(f"select * from {mart.relation}") as batches:
        copy.register("arriving", with_decimals(batches, mart.columns))
        [(rows,)] = copy.execute(f"create table {mart.relation} as from arriving").fetchall()
        copy.unregister("arriving")
    copy.execute(f"comment on table {mart.relation} is {literal(mart.description)}")
    for name in batches.schema.names:
        if text := mart.columns.get(name, ("", ""))[1]:
            copy.execute(f'comment on column {mart.relation}."{name}" is {literal(text)}')
    return int(rows)


def _remove(new: Path) -> None:
    for path in (new, new.with_name(f"{new.name}.wal")):
        path.unlink(missing_ok=True)
