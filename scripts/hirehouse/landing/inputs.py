"""Inputs of a landing: files, folders, globs and stdin, and batches of their lines."""

from __future__ import annotations

import glob
import hashlib
import os
import re
import shutil
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import orjson

from hirehouse.landing.decompress import InputError, chunks

# Names of files of events in a folder, as archives of the format use them. A file that is named on
# the command line lands whatever its name.
NAMES = re.compile(r".*\.((ndjson|jsonl|json)(\.gz|\.zst)?|parquet)|[^.]+\.(gz|zst)", re.I | re.S)
ENDINGS = (
    ".ndjson, .jsonl or .json, also with .gz or .zst after it, in .gz or .zst alone, or in .parquet"
)
PARTS = (".tmp", ".part")  # ends of names of files that are being written
TEMPORARY = "_temporary"  # where Spark writes what it may still throw away
UNFINISHED = f"not finished: the name ends in .tmp or .part, or the folder is {TEMPORARY}"
HIDDEN = "the name starts with a dot"
LEADS_OUT = "a link that leads out of the folder"
UNREADABLE = "not readable"
NO_FILE = "no regular file, such as a pipe or a link to nothing"
PIECE = 64 << 20  # bytes; a longer line is split, so that memory is bounded
STDIN = "stdin"
Progress = Callable[[int, int], None]
TOPIC = "kafka://"  # prefix of the URL of a topic
S3 = "s3://"  # and of a folder or object on S3


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


@dataclass(frozen=True)
class InputFile:
    """The path of an input; what can be read only once has been copied there.

    `listed`: it was found in a folder or by a glob, not named. `checksum`: the one that its name
    states, if it does.
    """

    name: str
    path: Path
    listed: bool = False
    checksum: str = ""

    def stored_size(self) -> int:
        """Its bytes, packed or not; OSError if it is gone."""
        return self.path.stat().st_size


@dataclass
class Input:
    """An input, identified by its content and not by its name."""

    name: str
    checksum: str
    size: int


@dataclass
class Segment:
    """Lines of an input. `before` is the SHA-256 of all lines before them, if it is a file."""

    input: Input
    first_line: int
    lines: list[bytes] = field(default_factory=list)
    complete: bool = False
    received: list[datetime] | None = None  # of replayed lines: when each was received
    before: hashlib._Hash | None = None

    @property
    def last_line(self) -> int:
        return self.first_line + len(self.lines) - 1

    def as_record(self) -> dict[str, object]:
        lines = {"first_line": self.first_line, "last_line": self.last_line}
        return vars(self.input) | lines | {"complete": self.complete}

    def without(self, count: int) -> Segment:
        """The rest after its first lines."""
        before = self.before and self.before.copy()
        if before:
            hash_lines(before, self.lines[:count])
        first, lines = self.first_line + count, self.lines[count:]
        return Segment(self.input, first, lines, self.complete, before=before)


def hash_lines(digest: hashlib._Hash, lines: list[bytes]) -> None:
    """Add lines, each with its end, to a hash."""
    if lines:
        digest.update(b"\n".join(lines))
        digest.update(b"\n")


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


class LeftOut(dict[str, list[str]]):
    """The files that a landing does not take, by the reason."""

    def add(self, path: str, why: str) -> None:
        self.setdefault(why, []).append(shown(path))

    def merge(self, other: LeftOut) -> None:
        for why, names in other.items():
            self.setdefault(why, []).extend(names)


def shown(path: str | Path) -> str:
    """A path as text: its name may have bytes that are not UTF-8; landed.batches can't."""
    return os.fsencode(path).decode(errors="replace")


def event_files(folder: str, left_out: LeftOut | None = None) -> Iterator[os.DirEntry[str]]:
    """The files of events in a folder and its subfolders, each once.

    They are recognised by the ends of their names, so that producers can write to another name,
    such as one that ends in `.tmp`, and rename complete files. Names that start with a dot are
    skipped. Links are followed unless they lead out of the folder.

    Args:
        left_out: gets what is skipped.

    Raises:
        InputError: the folder can't be read, or, without `left_out`, a folder within it.
    """
    skip = (LeftOut() if left_out is None else left_out).add
    root = os.path.realpath(folder)
    seen: set[str] = set()
    folders, links = [folder], list[str]()
    while folders or links:
        # Links come last: most lead to a folder that is read under its own name.
        here = folders.pop() if folders else links.pop()
        if (real := os.path.realpath(here)) in seen:
            skip(here, "a link to a folder that is read anyway")
            continue
        seen.add(real)
        try:
            with os.scandir(here) as scan:
                entries = list(scan)
        except OSError as error:
            if here == folder or left_out is None:
                raise InputError(f"{here}: {error.strerror}") from error
            if not isinstance(error, FileNotFoundError):  # removed just now
                skip(f"{here}: {error.strerror}", UNREADABLE)
            continue
        for entry in entries:
            if why := _refusal(entry, root):
                skip(entry.path, why)
            elif entry.is_dir():
                (links if entry.is_symlink() else folders).append(entry.path)
            else:
                yield entry


def _refusal(entry: os.DirEntry[str], root: str) -> str:
    """Why an entry of a folder is left out; nothing for files of events, and for folders."""
    if why := _hidden(entry.name):
        return why
    try:
        if entry.is_symlink() and _leads_out(entry.path, root):
            return LEADS_OUT
        if entry.is_dir():
            return ""
        return _ending(entry.name) if entry.is_file() else NO_FILE
    except OSError as error:  # such as a link to itself
        return str(error.strerror)


def key_refusal(key: str) -> str:
    """Why an object is left out by its key, below a folder; nothing if it has events."""
    *folders, name = key.split("/")
    return next(filter(None, map(_hidden, [*folders, name])), "") or _ending(name)


def _hidden(name: str) -> str:
    """Why a name is left out whatever its ending; nothing for most names."""
    if name == TEMPORARY:
        return UNFINISHED
    if not name.startswith("."):
        return ""
    return UNFINISHED if name.endswith(PARTS) else HIDDEN


def _ending(name: str) -> str:
    """Why a name is not that of a file of events; nothing if it is."""
    if NAMES.fullmatch(name):
        return ""
    endings = Path(name.lower()).suffixes
    ending = "".join(endings[-2:] if endings[-1:] in ([".gz"], [".zst"]) else endings[-1:])
    if ending in PARTS:
        return UNFINISHED
    plain = re.fullmatch(r"(\.\w{1,8}){1,2}", ending)  # anyone may give a file its name
    return f"the name ends in {ending}" if plain else "the name has another ending"


def _leads_out(path: str, root: str) -> bool:
    """Whether a path leads out of a folder by links; `root` is the real path of the folder."""
    return os.path.commonpath([os.path.realpath(path), root]) != root


def files_at(path: str, left_out: LeftOut) -> list[str]:
    """The files of events in a folder, or those that a glob matches.

    A link is replaced by the file that it leads to, which was within the folder when it was listed.

    Raises:
        InputError: the folder can't be read.
    """
    if Path(path).is_dir():
        found = event_files(path, left_out)
        return [os.path.realpath(e.path) if e.is_symlink() else e.path for e in found]
    parts = Path(path).parts
    magic = next((i for i, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    root = os.path.realpath(Path(*parts[:magic]))
    within: dict[str, bool] = {}  # by folder
    files: list[str] = []
    for name in dict.fromkeys(_matches(path, left_out)):
        with suppress(FileNotFoundError):  # removed just now
            mode = os.lstat(name).st_mode
            folder = name[: name.rfind(os.sep) + 1]
            if folder not in within:
                within[folder] = not _leads_out(folder, root)
            if not within[folder] or (stat.S_ISLNK(mode) and _leads_out(name, root)):
                left_out.add(name, LEADS_OUT)
            elif stat.S_ISREG(mode):
                files.append(name)
            elif stat.S_ISLNK(mode) and Path(name).is_file():
                files.append(os.path.realpath(name))
            elif not Path(name).is_dir():
                left_out.add(name, NO_FILE)
            elif "**" not in parts:  # which opens folders
                left_out.add(name, "a folder, not a file")
    return files


def _matches(pattern: str, left_out: LeftOut) -> Iterator[str]:
    """The paths that a glob matches; at `**`, glob.glob may follow links in circles for ever."""
    parts = Path(pattern).parts
    if "**" not in parts:
        yield from glob.glob(pattern)  # noqa: PTH207 - takes any path
        return
    start = parts.index("**")
    rest = parts[start + 1 :] or ("*",)

    def skip(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            left_out.add(f"{error.filename}: {error.strerror}", UNREADABLE)

    for base in glob.glob(str(Path(*parts[:start]))):  # noqa: PTH207 - takes any path
        for folder, folders, _ in os.walk(base, onerror=skip):
            folders[:] = [name for name in folders if not _hidden(name)]
            yield from _matches(str(Path(glob.escape(folder), *rest)), left_out)


def expand(
    paths: Sequence[str],
    spool: Path,
    left_out: LeftOut,
    *,
    listed: bool = False,
    may_be_empty: bool = False,
) -> list[InputFile]:
    """The inputs of paths, folders, globs and `-`, each once, sorted within each argument.

    Args:
        spool: folder for copies of stdin and of pipes, which can't be read twice.
        left_out: gets the files of folders and globs that are not taken.
        listed: the paths are files that `files_at` has found; some may be gone since.
        may_be_empty: a folder or glob without files of events is no error.

    Raises:
        InputError: a path does not exist, or has no files of events.
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
        path, skipped = Path(text), LeftOut()
        named = not listed and path.exists() and not path.is_dir()
        files = [path] if named or listed else sorted(map(Path, files_at(text, skipped)))
        if not (files or skipped or path.exists()):
            raise InputError(f"{text}: no such file or folder")
        if not (files or may_be_empty or UNFINISHED in skipped):
            raise InputError(no_events(text, skipped))
        for one in files:
            if not named or one.resolve().is_file():
                places.setdefault(one.resolve(), InputFile(shown(one), one, listed=not named))
                continue
            with one.open("rb") as source:
                keep(source)
        left_out.merge(skipped)
    return list(places.values())


def no_events(path: str, left_out: LeftOut) -> str:
    """The message that there are no files of events at a path."""
    told = "".join(f"; left out: {len(names):,}, {why}" for why, names in left_out.items())
    return f"{shown(path)}: no files of events{told}. Their names end in {ENDINGS}"


def blocks(file: BinaryIO, size: int, name: str, piece: int = PIECE) -> Iterator[list[bytes]]:
    """The lines of a file, without newlines, in lists of about a megabyte.

    Args:
        size: bytes to read; bytes appended later are ignored.
        piece: bytes after which a line is split into several lines.
    """
    tail = bytearray()
    for chunk in chunks(file, size, name):
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
