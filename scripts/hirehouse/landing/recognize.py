"""What a file holds instead of lines of JSON, told by its first bytes."""

from __future__ import annotations

import codecs
import json
import os
from typing import BinaryIO, NamedTuple

# UTF-32 first: one of its marks starts with a mark of UTF-16.
MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
# Which of the first four bytes of JSON are zero.
ZEROS: dict[tuple[bool, ...], str] = {
    (True, True, True, False): "UTF-32BE",
    (False, True, True, True): "UTF-32LE",
    (True, False, True, False): "UTF-16BE",
    (False, True, False, True): "UTF-16LE",
}
PARQUET = b"PAR1"  # the first and the last bytes of a file
MAGIC = {b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"PK\x03\x04": "zip", PARQUET: "Parquet"}


class Other(NamedTuple):
    """What a file holds, and what to do about it."""

    what: str
    cure: str


ARRAY = Other("a JSON array", "write one event per line: jq -c '.[]'")
SPREAD = Other("JSON over several lines", "write one event per line: jq -c .")
NO_EVENTS = "Parquet without a column event"
ONE_PER_LINE = "events are JSON objects, one per line; `hirehouse backfill` takes tables"


def is_parquet(file: BinaryIO) -> bool:
    """Whether a file, which is at its start then, begins as Parquet does."""
    head = file.read(len(PARQUET))
    file.seek(0)
    return head == PARQUET


def is_whole(file: BinaryIO) -> bool:
    """Whether a Parquet file, which is at its start then, ends as one."""
    file.seek(-len(PARQUET), os.SEEK_END)
    tail = file.read()
    file.seek(0)
    return tail == PARQUET


def other_content(head: bytes) -> Other | None:
    """What a file holds that starts with `head`; None for lines of JSON, or blank ones.

    A line may be broken: a file has lines of JSON if one of its first lines is an object, or if
    it starts as an object does that is not spread over lines.
    """
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    first = text.partition(b"\n")[0]
    if not first or _is_object(first):
        return None
    lines = [line for line in text.split(b"\n") if line.strip()]
    objects = sum(map(_is_object, lines))
    if not objects and (encoding := _encoding(head)):
        cure = f"convert it to UTF-8: iconv -f {encoding} -t UTF-8"
        return Other(f"text in {encoding}", cure)
    if first[:1] in (b"{", b"["):
        return _spread(text.decode(errors="replace"), lines, objects)
    if objects:
        return None
    for magic, name in MAGIC.items():
        if head.startswith(magic):
            return Other(f"{name} data", f"unpack it, or pack it with gzip or zstd; {ONE_PER_LINE}")
    return Other("no line of JSON in its first megabyte", ONE_PER_LINE)


def _spread(text: str, lines: list[bytes], objects: int) -> Other | None:
    """What starts with a bracket: an array, or an object over several lines, or else lines."""
    try:
        end = json.JSONDecoder().raw_decode(text)[1]
    except (ValueError, RecursionError):
        end = 0  # it goes on beyond these bytes, or is broken
    if text[0] == "[":
        # An array may have an object per line, but few that no comma follows.
        rest = text[end:].encode(errors="replace").split(b"\n")
        return None if (any(map(_is_object, rest)) if end else objects * 2 > len(lines)) else ARRAY
    if end:
        return SPREAD if "\n" in text[:end] else None
    opens = lines[0].rstrip()[-1:] in (b"{", b"[", b",")
    starts = sum(line.startswith(b"{") for line in lines)
    return SPREAD if opens and starts * 2 < len(lines) else None


def _is_object(line: bytes) -> bool:
    line = line.strip()
    if line[:1] != b"{" or line[-1:] != b"}":
        return False
    try:
        return isinstance(json.loads(line.decode()), dict)
    except (ValueError, RecursionError):
        return False


def _encoding(head: bytes) -> str | None:
    for mark, name in MARKS.items():
        if head.startswith(mark):
            return name
    zeros = tuple(byte == 0 for byte in head[:4])
    return ZEROS.get(zeros)
