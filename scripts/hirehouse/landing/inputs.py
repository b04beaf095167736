"""Inputs of a landing: files, folders, globs and stdin, split into batches of lines.

Memory is bounded by the size of a batch, not by that of a file or a line.
"""

from __future__ import annotations

import glob
import hashlib
import os
import shutil
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import orjson

from hirehouse.contracts.errors import ExpectedError

# Files of events in a folder. Plain `.json` is mostly something else, such as a manifest; a file
# that is named on the command line lands whatever its suffix.
SUFFIXES = (".ndjson", ".ndjson.gz", ".jsonl", ".jsonl.gz")
BLOCK = 1 << 20
PIECE = 64 << 20  # bytes; a longer line is split, so that memory is bounded
STDIN = "stdin"
Progress = Callable[[int, int], None]
TOPIC = "kafka://"  # prefix of the URL of a topic


@dataclass(frozen=True)
class Limits:
    """The size of a batch: lines, bytes of lines, inputs, and bytes of its list of inputs."""

    lines: int = 150_000
    bytes: int = 64 << 20
    inputs: int = 100
    names: int = 48_000  # landed.batches.inputs holds 65,535 bytes

    def reached(self, batch: Batch) -> bool:
        return bool(batch.line_count) and (
            batch.line_count >= self.lines
            or batch.byte_count >= self.bytes
            or len(batch.segments) >= self.inputs
            or batch.names >= self.names
        )


class InputError(ExpectedError):
    """An input can't be read; the message names it and the position."""

    exit_code = 2


@dataclass(frozen=True)
class InputFile:
    """The path of an input; what can be read only once has been copied there."""

    name: str
    path: Path


@dataclass
class Input:
    """An input, identified by its content and not by its name."""

    name: str
    checksum: str
    size: int

    @property
    def origin(self) -> str:
        """Part of failure ids: stable if a file moves to another folder."""
        return f"stdin:{self.checksum}" if self.name == STDIN else Path(self.name).name


@dataclass
class Segment:
    input: Input
    first_line: int
    lines: list[bytes] = field(default_factory=list)
    complete: bool = False
    received: list[datetime] | None = None  # of replayed lines: when each was received

    @property
    def last_line(self) -> int:
        return self.first_line + len(self.lines) - 1

    def as_record(self) -> dict[str, object]:
        lines = {"first_line": self.first_line, "last_line": self.last_line}
        return vars(self.input) | lines | {"complete": self.complete}


@dataclass
class Batch:
    segments: list[Segment] = field(default_factory=list)
    line_count: int = 0
    byte_count: int = 0
    names: int = 0  # approximate bytes of the list of inputs

    def add(self, segment: Segment) -> None:
        """Add a segment; its reader counts the lines."""
        self.segments.append(segment)
        self.names += len(segment.input.name.encode()) + len(segment.input.checksum) + 136

    def inputs(self) -> str:
        return orjson.dumps([s.as_record() for s in self.segments]).decode()


@dataclass(slots=True)
class InputProgress:
    last_line: int = 0
    complete: bool = False


def parse_topic_url(url: str) -> tuple[str, str]:
    """Brokers and topic of kafka://BROKER:PORT,…/TOPIC; InputError if the URL is malformed."""
    brokers, _, topic = url.removeprefix(TOPIC).partition("/")
    if not url.startswith(TOPIC) or not brokers or not topic or "/" in topic:
        raise InputError(f"{url}: a topic is written as {TOPIC}BROKER:PORT/TOPIC")
    return brokers, topic


def event_files(folder: str) -> Iterator[os.DirEntry[str]]:
    """The files of events in a folder and its subfolders.

    They are recognised by suffix, so that producers can write to another name, such as one that
    ends in `.tmp`, and rename complete files. Names that start with a dot are skipped.

    Raises:
        InputError: a folder can't be read.
    """
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    yield from event_files(entry.path)
                elif entry.name.endswith(SUFFIXES) and entry.is_file():
                    yield entry
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror}") from error


def files_at(path: str) -> list[str]:
    """The files of a path, folder or glob; InputError if a folder can't be read."""
    if Path(path).is_dir():
        return [entry.path for entry in event_files(path)]
    if Path(path).exists():
        return [path]
    return glob.glob(path, recursive=True)  # noqa: PTH207 - takes any path


def expand(paths: Sequence[str], spool: Path) -> list[InputFile]:
    """The inputs of paths, folders, globs and `-`, each once, sorted within each argument.

    Args:
        spool: folder for copies of stdin and of pipes, which can't be read twice.

    Raises:
        InputError: a path does not exist, or a glob matches nothing.
    """
    places: dict[Path, InputFile] = {}

    def keep(source: BinaryIO) -> None:
        copy = spool / f"copy{len(places)}"
        with copy.open("wb") as out:
            shutil.copyfileobj(source, out)
        places[copy] = InputFile(STDIN, copy)

    for text in paths:
        if text == "-":
            keep(sys.stdin.buffer)
            continue
        exists = Path(text).exists()
        found = [one for one in sorted(map(Path, files_at(text))) if exists or one.is_file()]
        if not (found or exists):
            raise InputError(f"{text}: no such file or folder")
        for one in found:
            if one.resolve().is_file():
                # A name may have bytes that are not UTF-8; landed.batches can't.
                name = os.fsencode(one).decode(errors="replace")
                places.setdefault(one.resolve(), InputFile(name, one))
                continue
            with one.open("rb") as source:
                keep(source)
    return list(places.values())


def blocks(file: BinaryIO, size: int, name: str, piece: int = PIECE) -> Iterator[list[bytes]]:
    """The lines of a file, without newlines, in lists of about a megabyte.

    Args:
        size: bytes to read; bytes appended later are ignored.
        piece: bytes after which a line is split into several lines.
    """
    tail = bytearray()
    for chunk in _inflate(file, size, name) if _is_gzip(file, name) else _plain(file, size):
        *lines, rest = chunk.split(b"\n")
        if lines:
            tail += lines[0]
            lines[0] = bytes(tail)
            yield lines
            tail = bytearray()
        tail += rest
        while len(tail) >= piece:
            yield [bytes(tail[:piece])]
            del tail[:piece]
    if tail:
        yield [bytes(tail)]


def _is_gzip(file: BinaryIO, name: str) -> bool:
    head = file.read(3)
    file.seek(0)
    # Three bytes: random data starts with the two of gzip's magic number now and then.
    return name.endswith(".gz") or head == b"\x1f\x8b\x08"


def _plain(file: BinaryIO, size: int) -> Iterator[bytes]:
    left = size
    while left and (chunk := file.read(min(BLOCK, left))):
        left -= len(chunk)
        yield chunk


def _inflate(file: BinaryIO, size: int, name: str) -> Iterator[bytes]:
    """Decompress gzip of one or more members, in bounded pieces."""
    member = zlib.decompressobj(31)
    started = False
    left = size
    while left and (data := file.read(min(BLOCK >> 2, left))):
        left -= len(data)
        while True:
            try:
                out = member.decompress(data, BLOCK)
            except zlib.error as error:
                where = size - left - len(data)
                raise InputError(f"{name}: corrupt gzip near byte {where:,}: {error}") from error
            started = True
            if out:
                yield out
            data = member.unconsumed_tail
            if member.eof:
                # gzip allows padding with zeros after the last member.
                data = member.unused_data.lstrip(b"\0")
                member, started = zlib.decompressobj(31), False
            elif len(out) == BLOCK:
                continue  # the decompressor may hold more output
            if not data:
                break
    if started or size == 0:
        raise InputError(f"{name}: the gzip stream is truncated at byte {size:,}")


def identify(place: InputFile, file: BinaryIO) -> Input:
    """Identify an input by SHA-256 and size of its stored bytes."""
    digest, size = hashlib.sha256(), 0
    while chunk := file.read(BLOCK):
        digest.update(chunk)
        size += len(chunk)
    file.seek(0)
    return Input(place.name, digest.hexdigest(), size)


class Reader:
    """Splits inputs into batches, and records the result for each input.

    Args:
        done: by checksum, how far inputs have landed.
        progress: called with stored bytes read so far, and in total.
    """

    def __init__(
        self,
        places: Sequence[InputFile],
        done: dict[str, InputProgress],
        limits: Limits,
        progress: Progress | None = None,
    ) -> None:
        self.places, self.done, self.limits, self.progress = places, done, limits, progress
        self.total = sum(place.path.stat().st_size for place in places if place.path.exists())
        self.bytes_read = 0
        self.already: list[str] = []
        self.read: list[str] = []
        self.unreadable: list[str] = []
        self.byte_count = 0

    def batches(self) -> Iterator[Batch]:
        """All batches, in order. Unreadable inputs are skipped and recorded in `unreadable`."""
        batch = Batch()
        seen: set[str] = set()
        for place in self.places:
            segment: Segment | None = None
            try:
                with place.path.open("rb") as file:
                    found = identify(place, file)
                    self.byte_count += found.size
                    known = self.done.get(found.checksum, InputProgress())
                    if known.complete or found.checksum in seen:
                        self.already.append(place.name)
                        self._advance(found.size)
                        continue
                    seen.add(found.checksum)
                    segment = Segment(found, known.last_line + 1)
                    position = 0
                    for block in self._after(file, found, known.last_line):
                        left = block
                        while left:
                            if self.limits.reached(batch):
                                # Only when there is a further line: so the last batch of an
                                # input is always marked as complete.
                                if segment.lines:
                                    batch.add(segment)
                                    segment = Segment(found, segment.last_line + 1)
                                yield batch
                                batch = Batch()
                            room = max(1, self.limits.lines - batch.line_count)
                            part, left = left[:room], left[room:]
                            segment.lines += part
                            batch.line_count += len(part)
                            batch.byte_count += sum(map(len, part)) + len(part)
                        self._advance(file.tell() - position)
                        position = file.tell()
                self.read.append(place.name)
                if segment.lines:
                    segment.complete = True
                    batch.add(segment)
            except (InputError, OSError) as error:
                text = error if isinstance(error, InputError) else f"{place.name}: {error.strerror}"
                self.unreadable.append(str(text))
                if segment:
                    batch.line_count -= len(segment.lines)
                    batch.byte_count -= sum(map(len, segment.lines)) + len(segment.lines)
        if batch.segments:
            yield batch

    def _advance(self, count: int) -> None:
        self.bytes_read += count
        if self.progress:
            self.progress(self.bytes_read, self.total)

    @staticmethod
    def _after(file: BinaryIO, found: Input, last_line: int) -> Iterator[list[bytes]]:
        skip = last_line
        for lines in blocks(file, found.size, found.name):
            if skip >= len(lines):
                skip -= len(lines)
                continue
            yield lines[skip:] if skip else lines
            skip = 0
