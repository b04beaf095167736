"""The spool: a folder of append-only segments, which `hirehouse land` and `run` read.

An open segment has a name that starts with a dot, which they ignore; it is renamed once it is
complete. Its writer holds a lock on it, so that segments of dead processes can be recognised.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import mmap
import os
import stat
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import BinaryIO

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from hirehouse.contracts.files import locked, sync

SEGMENT_SIZE = 64 << 20  # bytes of a segment
SEGMENT_AGE = 1.0  # seconds after which a segment is completed, so that its events can land
RETRY = 1.0  # seconds until a segment that has lost its name is copied again
BLOCK = 1 << 20  # bytes that are copied at a time
PROBLEM_SECONDS = 5.0  # seconds that a failed write is reported
PART = ".part"
FSYNC = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2)


class NotDurable(Exception):
    """Lines could not be made durable; the client should retry."""


class Sink:
    """Where the collector writes events."""

    failed_at, failure = -inf, ""

    async def start(self) -> None:
        """Get ready; OSError if that fails."""

    async def append(self, lines: list[bytes]) -> None:
        """Return once the lines, without newlines, are durable; else NotDurable."""
        # Not an abstract class, in which `start` and `close` would not be optional.
        raise NotImplementedError

    def failed(self, why: str) -> None:
        self.failed_at, self.failure = time.monotonic(), why

    def problem(self) -> str:
        """What failed in the last few seconds; empty if nothing did."""
        return self.failure if time.monotonic() < self.failed_at + PROBLEM_SECONDS else ""

    async def close(self) -> None:
        """Finish what has been appended."""


class Spool(Sink):
    """Writes the lines of concurrent requests into one segment after another.

    While a group of lines is written and synced, the next one accumulates: so one fsync, which
    takes milliseconds, serves all requests that arrived meanwhile.

    Args:
        folder: of the segments; created if missing.
        registry: gets bytes written, requests waiting, and seconds of fsync.
        age: seconds until a segment is completed.
    """

    def __init__(self, folder: Path, registry: CollectorRegistry, age: float = SEGMENT_AGE) -> None:
        self.folder, self.age = folder, age
        self.waiting: list[tuple[list[bytes], asyncio.Future[None]]] = []
        self.wake = asyncio.Event()
        self.closing = False
        self.segment: _Segment | None = None
        self.lost: list[_Segment] = []  # segments whose names are gone
        self.thread = ThreadPoolExecutor(1, "spool")
        self.written = Counter("hirehouse_spool_bytes", "Bytes written", registry=registry)
        queue = Gauge("hirehouse_spool_waiting", "Requests that wait", registry=registry)
        queue.set_function(lambda: len(self.waiting))
        self.syncs = Histogram(
            "hirehouse_spool_fsync_seconds", "Seconds of a sync", buckets=FSYNC, registry=registry
        )

    async def start(self) -> None:
        """Recover the segments of dead processes, and start writing."""
        make_folder(self.folder)
        recover(self.folder)
        self.task = asyncio.create_task(self._run())

    async def append(self, lines: list[bytes]) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append((lines, done))
        self.wake.set()
        await done

    async def close(self) -> None:
        self.closing = True
        self.wake.set()
        await self.task
        self.thread.shutdown()
        self._seal()
        try:
            self._restore()
        except OSError as error:
            size = sum(segment.size for segment in self.lost)
            _log(f"error: {self.folder}: {error.strerror}: lost {size:,} bytes of events")
        with suppress(OSError):  # what is left there can be recovered by the next collector
            recover(self.folder)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self.waiting or not self.closing:
            left = self.segment.due - time.monotonic() if self.segment else None
            with suppress(TimeoutError):
                async with asyncio.timeout(RETRY if self.lost else left):
                    await self.wake.wait()
            self.wake.clear()
            group, self.waiting = self.waiting, []
            requests = [lines for lines, _ in group]
            failure = await loop.run_in_executor(self.thread, self._write, requests)
            if failure:
                self.failed(failure)
            for _, done in group:
                if done.done():  # its client has disconnected
                    continue
                if failure:
                    done.set_exception(NotDurable(failure))
                else:
                    done.set_result(None)

    def _write(self, requests: list[list[bytes]]) -> str:
        """Write and sync the lines of requests; returns the error, if any."""
        try:
            self._restore()
            if requests:
                self.segment = self.segment or _Segment(self.folder, self.age)
                before = self.segment.size
                with self.syncs.time():
                    for lines in requests:
                        self.segment.write(b"\n".join([*lines, b""]))
                    self.segment.sync()
                self.written.inc(self.segment.size - before)
        except (OSError, MemoryError) as error:
            self._seal()
            return f"{self.folder}: {getattr(error, 'strerror', 'out of memory')}"
        if self.segment and (
            self.segment.size >= SEGMENT_SIZE or time.monotonic() >= self.segment.due
        ):
            self._seal()
        return ""

    def _seal(self) -> None:
        """Complete the segment, without what could not be synced.

        If that fails as well, it is left to `recover`: synced lines are safe under either name. If
        it has no name any more, it stays open, since nothing else leads to its lines.
        """
        if self.segment:
            segment, self.segment = self.segment, None
            try:
                segment.seal()
            except (FileNotFoundError, NotADirectoryError):
                self.lost.append(segment)
            except OSError:
                segment.file.close()

    def _restore(self) -> None:
        """Copy what has lost its name to a segment that has one; OSError if that fails."""
        while self.lost:
            lost = self.lost[-1]
            try:
                lost.seal()  # its folder may be back
            except (FileNotFoundError, NotADirectoryError):
                copy = _Segment(self.folder, self.age)
                copy.take(lost)
                _log(f"warning: {lost.path} was removed: {copy.path} has its {lost.size:,} bytes")
                copy.seal()
                lost.file.close()
            self.lost.pop()


class _Segment:
    """An open segment; `size` counts synced bytes only."""

    def __init__(self, folder: Path, age: float) -> None:
        self.path = folder / f".{time.time_ns()}-{os.getpid()}.ndjson{PART}"
        self.size = 0
        self.due = time.monotonic() + age
        make_folder(folder)
        with locked(folder) as directory:
            self.file = self.path.open("x+b", buffering=0)
            fcntl.flock(self.file, fcntl.LOCK_EX)
            # Else a power cut could remove the name, and with it the synced lines.
            os.fsync(directory)

    def write(self, data: bytes) -> None:
        """Write, without a sync. After an error the segment must not be written again: its state on
        disk is unknown, and a second fsync would report lost pages as written."""
        left = memoryview(data)
        while left:
            left = left[os.write(self.file.fileno(), left) :]

    def sync(self) -> None:
        """Sync what has been written; FileNotFoundError if no name leads to it then."""
        os.fsync(self.file.fileno())  # what is answered with 200 must survive a power cut
        self.size = self._named().st_size

    def take(self, other: _Segment) -> None:
        """Copy the synced lines of another segment; OSError if that fails, and no copy is left."""
        try:
            os.ftruncate(other.file.fileno(), other.size)
            other.file.seek(0)
            while block := other.file.read(BLOCK):
                self.write(block)
            self.sync()
        except (OSError, MemoryError):
            with self.file, suppress(OSError):
                self.path.unlink()
            raise

    def seal(self) -> None:
        """Give it the name of a complete segment, and close it.

        Raises:
            FileNotFoundError, NotADirectoryError: no name leads to it; it stays open.
            OSError: another failure.
        """
        with locked(self.path.parent) as directory:
            self._named()
            _seal(self.path, self.file, self.size, directory)
        self.file.close()

    def _named(self) -> os.stat_result:
        """The state of the file; FileNotFoundError if its path leads to none, or to another one."""
        own = os.fstat(self.file.fileno())
        if not os.path.samestat(own, self.path.lstat()):
            raise FileNotFoundError(errno.ENOENT, "the open segment has been replaced")
        return own


def recover(folder: Path) -> None:
    """Complete the segments of dead processes, cut after the last whole line.

    What is cut off was never answered with 200: that follows the sync of all lines of a request.
    What is not a file, or can't be completed, is logged and left as it is.
    """

    def opener(path: str, _: int) -> int:
        # A link could lead to a foreign file, and opening a pipe could wait forever.
        return os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)

    with locked(folder) as directory:
        for path in sorted(folder.glob(f".*.ndjson{PART}")):
            try:
                with open(path, "r+b", buffering=0, opener=opener) as file:
                    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                        raise OSError(errno.EINVAL, "not a file")
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _seal(path, file, _whole(file), directory)
            except BlockingIOError:
                pass  # its process lives
            except OSError as error:
                _log(f"warning: {str(path)!a}: {error.strerror}: left as it is")


def _seal(path: Path, file: BinaryIO, size: int, directory: int) -> None:
    os.ftruncate(file.fileno(), size)
    if size:
        os.fsync(file.fileno())  # before the rename: landing identifies a file by its bytes
        path.rename(path.with_name(path.name[1:].removesuffix(PART)))
    else:
        path.unlink()
    os.fsync(directory)  # so that a name which landing has recorded is not undone


def _whole(file: BinaryIO) -> int:
    """Bytes up to and including the last newline."""
    if not os.fstat(file.fileno()).st_size:
        return 0
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        return text.rfind(b"\n") + 1


def make_folder(folder: Path) -> None:
    """Create a folder that is missing, so that its name survives a power cut."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        sync(folder.parent)


def _log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
