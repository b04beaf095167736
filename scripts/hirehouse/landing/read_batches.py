"""Reading inputs in batches of lines.

Memory is bounded by the size of a batch, not by that of a file or a line.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from typing import BinaryIO

from hirehouse.landing.decompress import BLOCK, InputError, chunks, packing
from hirehouse.landing.inputs import (
    PIECE,
    STDIN,
    Batch,
    Input,
    InputFile,
    InputProgress,
    LeftOut,
    Limits,
    Progress,
    Segment,
    blocks,
    hash_lines,
)
from hirehouse.landing.recognize import NO_EVENTS, is_parquet, is_whole, other_content
from hirehouse.landing.s3 import Copies, S3Object

WAIT = 60  # seconds that the last line of a file may stay unfinished
# Names that promise lines of JSON. Others, such as `.json`, may belong to a manifest.
PROMISED = re.compile(r".*\.(ndjson|jsonl)(\.gz|\.zst)?", re.I | re.S)
SIGN = b"messageId"  # a file without it has no events of the format


def open_input(place: InputFile) -> BinaryIO:
    """Open an input; InputError if it is no regular file.

    A file may have been replaced since it was listed: a link is not followed then, and a pipe does
    not wait for its writer.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | (os.O_NOFOLLOW if place.listed else 0)
    file = os.fdopen(os.open(place.path, flags), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise InputError(f"{place.name}: no regular file")
    return file


def identify(place: InputFile, file: BinaryIO) -> Input:
    """Identify an input by SHA-256 and size of its stored bytes."""
    digest, size = hashlib.sha256(), 0
    while chunk := file.read(BLOCK):
        digest.update(chunk)
        size += len(chunk)
    file.seek(0)
    return Input(place.name, digest.hexdigest(), size)


def lines_of(file: BinaryIO, size: int, name: str) -> Iterator[list[bytes]]:
    """The lines of a file, or of a Parquet file its rows as lines; see there for errors."""
    if not (size and is_parquet(file)):
        return blocks(file, size, name)
    from hirehouse.landing.parquet_rows import parquet_lines

    return parquet_lines(file, name)


def finished(place: InputFile, file: BinaryIO, size: int) -> int:
    """The bytes of an input up to the end of its last line; without the half line of a writer.

    A last line is half if it has no end, is no JSON, and the file has changed within WAIT. One that
    is so long that it lands in pieces does not wait.
    """
    age = time.time() - os.fstat(file.fileno()).st_mtime
    still = place.name == STDIN or isinstance(place, S3Object)  # objects appear whole
    if still or abs(age) >= WAIT or packing(file):
        return size
    if is_parquet(file):
        return size if is_whole(file) else 0
    start, tail = size, b""
    while start and b"\n" not in tail and len(tail) < PIECE:
        start = max(0, start - BLOCK)
        file.seek(start)
        tail = file.read(min(BLOCK, size - start - len(tail))) + tail
    file.seek(0)
    tail = tail.rpartition(b"\n")[2]
    try:
        if tail.strip() and len(tail) < PIECE:
            json.loads(tail)
    except (ValueError, RecursionError):
        return size - len(tail)
    return size


class Reader:
    """Splits inputs into batches, and records the result for each input.

    Args:
        done: by checksum, how far inputs have landed.
        left_out: gets listed files that hold something else than events.
        progress: called with stored bytes read so far, and in total.
    """

    def __init__(
        self,
        places: Sequence[InputFile],
        done: dict[str, InputProgress],
        limits: Limits,
        left_out: LeftOut,
        progress: Progress | None = None,
    ) -> None:
        self.places, self.done, self.limits, self.progress = places, done, limits, progress
        self.left_out = left_out
        self.total = self.bytes_read = 0
        for place in places:
            with suppress(FileNotFoundError):  # removed since it was listed
                self.total += place.stored_size()
        self.already: list[str] = []
        self.read: list[str] = []
        self.waiting: list[str] = []
        self.unreadable: list[str] = []
        self.byte_count = 0

    def batches(self) -> Iterator[Batch]:
        """All batches, in order. Unreadable inputs are skipped and recorded in `unreadable`."""
        left: list[InputFile] = []
        for place in self.places:
            if self._named_landed(place):
                self.already.append(place.name)
                self._advance(place.stored_size())
            else:
                left.append(place)
        with closing(Copies(left)) as copies:
            yield from self._batches(left, copies)

    def _batches(self, places: list[InputFile], copies: Copies) -> Iterator[Batch]:
        batch = Batch()
        seen: set[str] = set()
        for place in places:
            segment: Segment | None = None
            try:
                stored = isinstance(place, S3Object)
                with copies.open(place.name) if stored else open_input(place) as file:
                    found = identify(place, file)
                    self.byte_count += found.size
                    known = self.done.get(found.checksum, InputProgress())
                    if known.complete or found.checksum in seen:
                        self.already.append(place.name)
                        self._advance(found.size)
                        continue
                    if self._left_out(place, file, found):
                        self._advance(found.size)
                        continue
                    seen.add(found.checksum)
                    end = finished(place, file, found.size)
                    segment = Segment(found, known.last_line + 1)
                    digest = hashlib.sha256()
                    position = 0
                    for block in self._after(file, end, place.name, known.last_line, digest):
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
                            segment.before = segment.before or digest.copy()
                            hash_lines(digest, part)
                            segment.lines += part
                            batch.line_count += len(part)
                            batch.byte_count += sum(map(len, part)) + len(part)
                        self._advance(file.tell() - position)
                        position = file.tell()
                    self._advance(found.size - position)  # Parquet is not read from start to end
                (self.read if end == found.size else self.waiting).append(place.name)
                if segment.lines:
                    segment.complete = end == found.size
                    batch.add(segment)
            except (InputError, OSError) as error:
                self._note(error, place)
                if segment:
                    batch.line_count -= len(segment.lines)
                    batch.byte_count -= sum(map(len, segment.lines)) + len(segment.lines)
        if batch.segments:
            yield batch

    def _named_landed(self, place: InputFile) -> bool:
        """Whether an object has landed, by its name alone: so it is not read again."""
        known = self.done.get(place.checksum) if place.checksum else None
        return bool(known and known.complete)

    def _note(self, error: InputError | OSError, place: InputFile) -> None:
        if place.listed and isinstance(error, FileNotFoundError):
            return  # removed since
        text = error if isinstance(error, InputError) else f"{place.name}: {error.strerror}"
        self.unreadable.append(str(text))

    def _left_out(self, place: InputFile, file: BinaryIO, found: Input) -> bool:
        """Whether a listed file is left out for its content; InputError if it may have events."""
        if is_parquet(file):
            return self._without_events(place, file)
        head = next(chunks(file, found.size, place.name), b"")
        file.seek(0)
        other = other_content(head)
        if not other:
            return False
        # The sign may be in UTF-16 or UTF-32.
        promised = PROMISED.fullmatch(place.path.name) or SIGN in head.replace(b"\0", b"")
        if promised or not place.listed:
            raise InputError(f"{place.name}: {other.what}; {other.cure}")
        self.left_out.add(place.name, other.what)
        return True

    def _without_events(self, place: InputFile, file: BinaryIO) -> bool:
        """Whether a listed Parquet file is left out, since it is of other rows."""
        if not (place.listed and is_whole(file)):
            return False
        from hirehouse.landing.parquet_rows import has_events

        found = has_events(file, place.name)
        if not found:
            self.left_out.add(place.name, NO_EVENTS)
        return not found

    def _advance(self, count: int) -> None:
        self.bytes_read += count
        if self.progress:
            self.progress(self.bytes_read, self.total)

    @staticmethod
    def _after(
        file: BinaryIO, size: int, name: str, last_line: int, digest: hashlib._Hash
    ) -> Iterator[list[bytes]]:
        """The lines after `last_line`; those up to it are added to the hash."""
        skip = last_line
        for lines in lines_of(file, size, name):
            hash_lines(digest, lines[:skip])
            if skip < len(lines):
                yield lines[skip:] if skip else lines
            skip = max(0, skip - len(lines))
