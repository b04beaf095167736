"""UNLOAD of a query to Parquet files on S3."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from rig.copying import CopyError, check_role, options_of

if TYPE_CHECKING:
    from rig.server import Redshift

UNLOAD = re.compile(
    r"\s*unload\s*\(\s*'(?P<query>(?:[^']|'')*)'\s*\)\s*"
    r"to\s+'s3://(?P<bucket>[^/']+)/(?P<key>[^']*)'(?P<options>.*?);?\s*$",
    re.IGNORECASE | re.DOTALL,
)
OVERWRITING = {"allowoverwrite", "cleanpath"}
# By the type's number in PostgreSQL.
TYPES: dict[int, pa.DataType] = {
    16: pa.bool_(),
    20: pa.int64(),
    21: pa.int16(),
    23: pa.int32(),
    25: pa.string(),
    1043: pa.string(),
    1082: pa.date32(),
    1114: pa.timestamp("us"),
}
NUMERIC = 1700
Row = Sequence[str | None]


@dataclass
class Unload:
    """An UNLOAD as the client has written it; `query` is as it would stand by itself."""

    query: str
    bucket: str
    key: str
    role: str
    others: set[str]


def parse_unload(sql: str) -> Unload | None:
    """The parts of an UNLOAD; None for another statement."""
    found = UNLOAD.match(sql)
    if not found:
        return None
    role, _, others = options_of(found["options"])
    query = found["query"].replace("''", "'")
    return Unload(query, found["bucket"], found["key"], role, others)


def unload(asked: Unload, rig: Redshift, description: bytes, rows: Sequence[Row]) -> None:
    """Write the rows of the query, which `description` has the names and types of.

    Raises:
        CopyError: Redshift would refuse it; nothing has been written.
    """
    check_role(asked.role, rig)
    if wrong := asked.others - OVERWRITING:
        raise CopyError(f"UNLOAD to Parquet: {', '.join(wrong)}")
    if re.search(r"\blimit\s+\d+\s*$", asked.query, re.IGNORECASE):
        raise CopyError("LIMIT clause is not supported in the outer query of UNLOAD")
    there = rig.s3.list_objects_v2(Bucket=asked.bucket, Prefix=asked.key).get("KeyCount", 0)
    if there and not asked.others & OVERWRITING:
        raise CopyError("Specified unload destination on S3 is not empty")
    columns = _columns(description)
    values = list(zip(*rows, strict=True)) or [()] * len(columns)
    arrays = [_array(texts, kind) for texts, (_, kind) in zip(values, columns, strict=True)]
    written = io.BytesIO()
    pq.write_table(pa.table(arrays, names=[name for name, _ in columns]), written)
    key = f"{asked.key}0000_part_00.parquet"
    rig.s3.put_object(Bucket=asked.bucket, Key=key, Body=written.getvalue())


def _columns(description: bytes) -> list[tuple[str, pa.DataType]]:
    (count,), place, columns = struct.unpack_from("!h", description), 2, []
    for _ in range(count):
        end = description.index(b"\0", place)
        number, _, modifier = struct.unpack_from("!ihi", description, end + 7)
        if number == NUMERIC:
            size = modifier - 4
            kind = pa.decimal128(size >> 16, size & 0xFFFF) if size > 0 else pa.decimal128(38, 0)
        elif number in TYPES:
            kind = TYPES[number]
        else:
            raise CopyError(f"UNLOAD to Parquet: type {number}")
        columns.append((description[place:end].decode(), kind))
        place = end + 19
    return columns


def _array(texts: Sequence[str | None], kind: pa.DataType) -> pa.Array:
    if pa.types.is_boolean(kind):
        return pa.array([None if text is None else text == "t" for text in texts], kind)
    return pa.array(texts, pa.string()).cast(kind)
