"""COPY from Parquet files on S3, with Redshift's checks of columns and lengths."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from rig.server import Redshift

COPY = re.compile(
    r"\s*(?:/\*.*?\*/\s*)?copy\s+(?P<table>[\w.\"]+)\s*(?:\((?P<columns>[^)]*)\))?\s*"
    r"from\s+'s3://(?P<bucket>[^/']+)/(?P<key>[^']*)'(?P<options>.*?);?\s*$",
    re.IGNORECASE | re.DOTALL,
)
OPTIONS = re.compile(
    r"\s*(?:iam_role\s+(?P<role>default|'[^']*')|(?P<parquet>format\s+(?:as\s+)?parquet)"
    r"|(?P<manifest>manifest)|(?P<other>\S+))",
    re.IGNORECASE,
)
# What a column of a file must be, by the type of the table's.
PARQUET: dict[str, Callable[[pa.DataType], bool]] = {
    "character varying": pa.types.is_string,
    "integer": pa.types.is_int32,
    "bigint": pa.types.is_int64,
    "boolean": pa.types.is_boolean,
    "date": pa.types.is_date32,
    "timestamp without time zone": pa.types.is_timestamp,
}
COLUMNS = """
    select attname, format_type(atttypid, null), coalesce(atttypmod - 4, 0)
    from pg_attribute where attrelid = cast('{}' as regclass) and attnum > 0 and not attisdropped
    order by attnum
"""


class CopyError(Exception):
    """What Redshift would say; `detail` has the file and the column."""

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail


@dataclass
class Copy:
    """A COPY as the client has written it."""

    table: str
    columns: list[str]
    bucket: str
    key: str
    role: str
    manifest: bool
    others: set[str]


@dataclass
class Column:
    """A column of the table; `size` is a varchar's in bytes, or precision and scale in one."""

    name: str
    kind: str
    size: int


def parse_copy(sql: str) -> Copy | None:
    """The parts of a COPY; None for another statement."""
    found = COPY.match(sql)
    if not found:
        return None
    names = [name.strip().strip('"').lower() for name in (found["columns"] or "").split(",")]
    role, manifest, others = options_of(found["options"])
    columns = [name for name in names if name]
    return Copy(found["table"], columns, found["bucket"], found["key"], role, manifest, others)


def options_of(text: str) -> tuple[str, bool, set[str]]:
    """The role, whether there is a manifest, and further options, which few statements take."""
    role, manifest, parquet, others = "", False, False, set[str]()
    for option in OPTIONS.finditer(text):
        role = role or (option["role"] or "").strip("'")
        manifest = manifest or bool(option["manifest"])
        parquet = parquet or bool(option["parquet"])
        others |= {option["other"].lower()} if option["other"] else set()
    return role, manifest, others if parquet else others | {"another format than Parquet"}


def check_role(role: str, rig: Redshift) -> None:
    """CopyError if the rig does not have such a role."""
    if role not in rig.roles:
        raise CopyError(f"User is not authorized to assume IAM Role {role or '(none)'}")


def copied_rows(
    copy: Copy, rig: Redshift, ask: Callable[[str], list[list[str | None]]]
) -> tuple[list[str], Iterator[bytes]]:
    """The columns of the table in the order of the files, and the rows of all files as CSV.

    Raises:
        CopyError: Redshift would refuse it; no row has been copied.
    """
    if copy.others:
        raise CopyError(f"COPY from Parquet does not take {', '.join(sorted(copy.others))}")
    check_role(copy.role, rig)
    found = ask(COLUMNS.format(copy.table))
    there = [Column(str(name), str(kind), int(size or 0)) for name, kind, size in found]
    by_name = {column.name: column for column in there}
    for name in copy.columns:
        if name not in by_name:
            raise CopyError(f'column "{name}" of relation "{copy.table}" does not exist')
    columns = [by_name[name] for name in copy.columns] or there
    tables = []
    for key in _keys(copy, rig.s3):
        content = rig.s3.get_object(Bucket=copy.bucket, Key=key)["Body"].read()
        table = pq.read_table(io.BytesIO(content))
        _check(table, columns, f"s3://{copy.bucket}/{key}")
        tables.append(table)
    return [column.name for column in columns], map(_as_csv, tables)


def _keys(copy: Copy, s3: Any) -> list[str]:
    """The files of a manifest, or those whose names begin with the key."""
    try:
        if copy.manifest:
            text = s3.get_object(Bucket=copy.bucket, Key=copy.key)["Body"].read()
            return [_entry(entry, s3) for entry in json.loads(text)["entries"]]
        listed = s3.get_paginator("list_objects_v2").paginate(Bucket=copy.bucket, Prefix=copy.key)
        keys = [entry["Key"] for page in listed for entry in page.get("Contents", [])]
    except ClientError as error:
        raise CopyError(f"S3ServiceException: {error}") from None
    if not keys:
        raise CopyError(f"The specified S3 prefix '{copy.key}' does not exist")
    return keys


def _entry(entry: dict[str, Any], s3: Any) -> str:
    """The key of a file of a manifest, of the size that the manifest says."""
    bucket, _, key = entry["url"].removeprefix("s3://").partition("/")
    told = entry.get("meta", {}).get("content_length")
    if told is None:
        raise CopyError("Manifest of a columnar file must have meta.content_length", entry["url"])
    size = s3.head_object(Bucket=bucket, Key=key)["ContentLength"]
    if size != told:
        raise CopyError(f"File has {size} bytes, manifest says {told}", entry["url"])
    return str(key)


def _check(table: pa.Table, columns: list[Column], file: str) -> None:
    if table.num_columns != len(columns):
        raise CopyError(
            "Spectrum Scan Error",
            "Unmatched number of columns between table and file. Table columns:"
            f" {len(columns)}, Data columns: {table.num_columns}, File name: {file}",
        )
    # By position: the names of a file do not count.
    for values, column in zip(table.columns, columns, strict=True):
        if not _fits(values.type, column):
            raise CopyError(
                "Spectrum Scan Error",
                f"File '{file}' has an incompatible Parquet schema for column"
                f" '{column.name}'. Column type: {column.kind}, Parquet: {values.type}",
            )
        if column.kind == "character varying":
            longest = pc.max(pc.binary_length(values)).as_py() or 0
            if longest > column.size:
                raise CopyError(
                    "Spectrum Scan Error",
                    f"The length of the data column {column.name} is longer than the length"
                    f" defined in the table. Table: {column.size}, Data: {longest}, File: {file}",
                )


def _fits(found: pa.DataType, column: Column) -> bool:
    if column.kind == "numeric":
        precision, scale = column.size >> 16, column.size & 0xFFFF
        same = pa.types.is_decimal(found) and (found.precision, found.scale) == (precision, scale)
        return bool(same)
    return column.kind in PARQUET and PARQUET[column.kind](found)


def _as_csv(table: pa.Table) -> bytes:
    written = io.BytesIO()
    # Nulls without quotes, texts in quotes, so that an empty text is none.
    pyarrow.csv.write_csv(table, written, pyarrow.csv.WriteOptions(include_header=False))
    return written.getvalue()
