"""Exports: versions of marts or landed events, each a manifest of immutable Parquet files.

A file has the fingerprint of its rows in its name, so that one that is there already is not written
again, whether an older version or a killed export has left it. `manifest.json` is replaced last:
readers see the old version or the new one.
"""

import hashlib
import re
import subprocess
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import orjson

from hirehouse.contracts.errors import ExpectedError
from hirehouse.contracts.model import ROOT, envelope, load
from hirehouse.exporting.folders import Folder
from hirehouse.exporting.sources import Exported, Part, Source
from hirehouse.querying.relations import PRODUCTION, Mart, Relations
from hirehouse.warehouse.connections import Say, say_on_stderr

CURRENT = "manifest.json"
VERSION = re.compile(r"versions/(\d{6})\.json")
FILE = re.compile(r"(.+\.[0-9a-f]{32})\.([0-9a-f]{64})\.parquet")
DATES = ("date", "timestamp")
# A version is told apart by the rest of its manifest.
STAMPS = {"version": 0, "created_at": ""}


@dataclass
class Result:
    """What an export has done: `written` files, and whether their version is a new one."""

    manifest: dict[str, Any]
    new: bool
    written: int
    bytes: int


def choose_marts(names: Sequence[str], schema: str) -> list[Exported]:
    """The public marts of some schemas, or of these names, with or without a schema.

    Args:
        schema: the target schema, from the profile.

    Raises:
        ExpectedError: there is none of a name, or it has personal data.
    """
    marts = Relations(ROOT, schema).marts()
    prefix = "" if schema == PRODUCTION else f"{schema}_"
    found: dict[str, Mart] = {}
    for name in names:
        named = [m for m in marts if name in _names(m.relation, prefix)]
        chosen = [m for m in named if m.public]
        if not named:
            schemas = sorted({m.relation.partition(".")[0].removeprefix(prefix) for m in marts})
            raise ExpectedError(f"no mart or schema {name!r}; schemas are {', '.join(schemas)}")
        if not chosen:
            raise ExpectedError(f"{name} has personal data, or is not public: it is not exported")
        found |= {m.relation: m for m in chosen}
    exports = []
    for mart in sorted(found.values(), key=lambda one: one.relation):
        dates = [n for n, (kind, _) in mart.columns.items() if kind in DATES and n in mart.required]
        month = mart.meta.get("export_by", next(iter(dates), "")) or ""
        if month and mart.columns.get(month, ("",))[0] not in DATES:
            raise ExpectedError(f"{mart.relation}: export_by {month!r} is no date or timestamp")
        exports.append(Exported(mart.relation, mart.description, mart.columns, month))
    return exports


def _names(relation: str, prefix: str) -> set[str]:
    schema, _, name = relation.partition(".")
    plain = schema.removeprefix(prefix)
    return {schema, plain, name, relation, f"{plain}.{name}"}


def choose_events(events: Sequence[str], since: date | None, schema: str) -> list[Exported]:
    """Landed events, each once, without personal data; lists and objects are JSON text.

    Args:
        since: the first day of `occurred_at`, UTC; default all.
        schema: the target schema, from the profile.

    Raises:
        ExpectedError: there is no such event.
        ContractError: a contract can't be used.
    """
    contracts = load()
    relations = Relations(ROOT, schema)
    exports = []
    for event in sorted(set(events)):
        versions = [c for (name, _), c in sorted(contracts.items()) if name == event]
        if not versions:
            raise ExpectedError(f"no event {event!r}: see `hirehouse contracts list`")
        columns: dict[str, tuple[str, str]] = {}
        for column in chain(envelope(), *(version.columns for version in versions)):
            if not column.meta.get("pii"):
                # The first contract that names a column defines its type, as in staging.
                columns.setdefault(column.name, (str(column.type), column.description))
        first = versions[0]
        exports.append(
            Exported(
                relations.find(f"stg_{first.source}__{event}"),
                first.description,
                columns,
                "occurred_at",
                f"occurred_at >= '{since}'" if since else "true",
            )
        )
    return exports


def export(
    chosen: Sequence[Exported],
    folder: Folder,
    settings: dict[str, Any],
    *,
    keep: int = 5,
    keep_days: int = 0,
    catalog: str = "",
    say: Say = say_on_stderr,
) -> Result:
    """Make a version of these relations in a folder, unless its last version is the same.

    Args:
        settings: the warehouse, an output of the profile; see `read_profile`.
        keep: how many versions stay, this one among them.
        keep_days: versions of so many days stay, too.
        catalog: of the Iceberg tables to update; see `iceberg.update`. Empty: there are none.
        say: told once when something has to be waited for.

    Raises:
        ExpectedError: a relation is not built, or the folder has Iceberg tables and no `catalog`.
        WarehouseError: the warehouse can't be read.
        InputError, S3Error: S3 can't be used.
    """
    with folder.writing(say) as partial:
        names = folder.names()
        versions = _versions(folder, names)
        last = orjson.loads(folder.read(CURRENT)) if CURRENT in names else {}
        if last.get("iceberg") and not catalog:
            raise ExpectedError(
                f"{folder.url} has Iceberg tables: use --format iceberg, or another folder"
            )
        writer = _Writer(folder, partial, names)
        with closing(Source(settings, partial, say)) as source:
            built = source.reader.relations()
            manifest = _facts(source, built, settings) | {"iceberg": bool(catalog)}
            missing = [one.relation for one in chosen if one.relation not in built]
            if missing:
                raise ExpectedError(f"not built yet: {', '.join(missing)}: run `dbt build` first")
            manifest["marts"] = {one.relation: writer.write(source, one) for one in chosen}
        new = manifest != {name: value for name, value in last.items() if name not in STAMPS}
        if new:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            number = last.get("version", 0) + 1
            manifest = {"version": number, "created_at": now, **manifest}
            versions[number] = manifest
            for name in (f"versions/{number:06}.json", CURRENT):
                path = partial / "manifest"
                path.write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2) + b"\n")
                folder.add(path, name)
        else:
            manifest = last
        kept = _kept(versions, manifest["version"], keep, keep_days)
        if catalog:
            from hirehouse.exporting.iceberg import update

            update(folder, manifest, catalog, kept)
        _prune(folder, [versions[number] for number in kept])
    return Result(manifest, new, writer.written, writer.bytes)


class _Writer:
    """Writes the files of relations that are not there yet.

    Args:
        names: the folder's files, and their sizes.
    """

    def __init__(self, folder: Folder, partial: Path, names: dict[str, int]) -> None:
        self.folder, self.partial, self.sizes = folder, partial, names
        # By what a name begins with: the month and the fingerprint.
        self.there = {m[1]: name for name in names if (m := FILE.fullmatch(name))}
        self.written = self.bytes = 0

    def write(self, source: Source, one: Exported) -> dict[str, Any]:
        """Write what is missing of a relation; returns its part of the manifest."""
        stem = one.relation.replace(".", "/")
        rows = source.prepare(one)
        parts = {p.month: (p, f"{stem}/{p.month}.{p.fingerprint}") for p in source.parts(rows)}
        missing = {month for month, (_, begin) in parts.items() if begin not in self.there}
        if missing:
            months = missing if len(missing) < len(parts) else ()
            for month, path in source.write(rows, months, self.partial):
                begin = parts[month][1]
                with path.open("rb") as file:
                    checksum = hashlib.file_digest(file, "sha256").hexdigest()
                name = f"{begin}.{checksum}.parquet"
                self.sizes[name] = path.stat().st_size
                self.folder.add(path, name)
                self.there[begin] = name
                self.written, self.bytes = self.written + 1, self.bytes + self.sizes[name]
        files = [self._entry(part, self.there[begin]) for part, begin in parts.values()]
        return {
            "description": one.description,
            "partition_by": one.partition_by or None,
            "columns": [
                {"name": name, "data_type": kind, "description": text}
                for name, (kind, text) in one.columns.items()
            ],
            "rows": sum(part.rows for part, _ in parts.values()),
            "files": files,
        }

    def _entry(self, part: Part, name: str) -> dict[str, Any]:
        found = FILE.fullmatch(name)
        assert found
        return {
            "path": name,
            "month": part.month,
            "rows": part.rows,
            "bytes": self.sizes[name],
            "sha256": found[2],
        }


def _facts(source: Source, built: set[str], settings: dict[str, Any]) -> dict[str, Any]:
    """What the data is as of."""
    relations = Relations(ROOT, str(settings.get("schema") or PRODUCTION))

    def one(column: str, model: str) -> Any:
        relation = relations.find(model)
        if relation not in built:
            return None
        [(value,)] = source.reader.rows(f"select max({column}) from {relation}")
        return value

    day = one("as_of_day", "data_as_of")
    git = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return {
        "data_version": one("batch_id", "stg_landing__batches"),
        "as_of_day": day and day.isoformat(),
        "git_revision": git.stdout.strip() or None,
        "engine": source.version,
    }


def _versions(folder: Folder, names: dict[str, int]) -> dict[int, dict[str, Any]]:
    found = {int(m[1]): name for name in names if (m := VERSION.fullmatch(name))}
    return {number: orjson.loads(folder.read(name)) for number, name in sorted(found.items())}


def _kept(
    versions: dict[int, dict[str, Any]], current: int, keep: int, keep_days: int
) -> list[int]:
    """The versions that stay; one above the current is what a killed export has left."""
    done = [number for number in sorted(versions) if number <= current]
    oldest = (datetime.now(UTC) - timedelta(days=keep_days)).isoformat()
    return [n for n in done if n in done[-keep:] or versions[n]["created_at"] > oldest]


def _prune(folder: Folder, kept: list[dict[str, Any]]) -> None:
    """Remove files that no version names: of removed versions, or of killed exports."""
    needed = {f"versions/{one['version']:06}.json" for one in kept}
    needed |= {f["path"] for one in kept for mart in one["marts"].values() for f in mart["files"]}
    for name in folder.names():
        if name not in needed and (VERSION.fullmatch(name) or FILE.fullmatch(name)):
            folder.remove(name)
