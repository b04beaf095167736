"""The spool: a folder of append-only segments, which `hirehouse land` and `run` read.

An open segment has a name that starts with a dot, which they ignore; it is renamed once it is
complete. Its writer holds a lock on it, so that segments of dead processes can be recognised.
"""

from __future__ import annotations

import asyncio
import fcntl
import mmap
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from math import inf
from pathlib import Path
from typing import BinaryIO

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SEGMENT_SIZE = 64 << 20  # bytes of a segment
SEGMENT_AGE = 1.0  # seconds after which a segment is completed, so that its events can land
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
        self.thread = ThreadPoolExecutor(1, "spool")
        self.written = Counter("hirehouse_spool_bytes", "Bytes written", registry=registry)
        queue = Gauge("hirehouse_spool_waiting", "Requests that wait", registry=registry)
        queue.set_function(lambda: len(self.waiting))
        self.syncs = Histogram(
            "hirehouse_spool_fsync_seconds", "Seconds of a sync", buckets=FSYNC, registry=registry
        )

    async def start(self) -> None:
        """Recover the segments of dead processes, and start writing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        recover(self.folder)
        self.task = asyncio.create_task(self._run())

    async def append(self, lines: list[bytes]) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append((lines, done))
        self.wake.set()
        await done

    async def close(self) -> None:
        """Write the waiting lines, and complete the last segment."""
        self.closing = True
        self.wake.set()
        await self.task
        self.thread.shutdown()
        self._seal()
        recover(self.folder)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self.waiting or not self.closing:
            left = self.segment.due - time.monotonic() if self.segment else None
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self.wake.wait()
            self.wake.clear()
            group, self.waiting = self.waiting, []
            lines = [line for some, _ in group for line in some]
            failure = await loop.run_in_executor(self.thread, self._write, lines)
            if failure:
                self.failed(failure)
            for _, done in group:
                if done.done():  # its client has disconnected
                    continue
                if failure:
                    done.set_exception(NotDurable(failure))
                else:
                    done.set_result(None)

    def _write(self, lines: list[bytes]) -> str:
        """Write and sync lines; returns the error, if any."""
        try:
            if lines:
                self.segment = self.segment or _Segment(self.folder, self.age)
                data = b"\n".join([*lines, b""])
                with self.syncs.time():
                    self.segment.append(data)
                self.written.inc(len(data))
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

        If that fails as well, it is left to `recover`: synced lines are safe under either name.
        """
        if self.segment:
            segment, self.segment = self.segment, None
            with segment.file, suppress(OSError), _locked(self.folder) as directory:
                _seal(segment.path, segment.file, segment.size, directory)


class _Segment:
    """An open segment; `size` counts synced bytes only."""

    def __init__(self, folder: Path, age: float) -> None:
        self.path = folder / f".{time.time_ns()}-{os.getpid()}.ndjson{PART}"
        self.size = 0
        self.due = time.monotonic() + age
        with _locked(folder) as directory:
            self.file = self.path.open("xb", buffering=0)
            fcntl.flock(self.file, fcntl.LOCK_EX)
            # Else a power cut could remove the name, and with it the synced lines.
            os.fsync(directory)

    def append(self, data: bytes) -> None:
        """Write and sync. After an error the segment must not be written again: its state on disk
        is unknown, and a second fsync would report lost pages as written."""
        left = memoryview(data)
        while left:
            left = left[os.write(self.file.fileno(), left) :]
        os.fsync(self.file.fileno())  # what is answered with 200 must survive a power cut
        self.size += len(data)


def recover(folder: Path) -> None:
    """Complete the segments of dead processes, cut after the last whole line.

    What is cut off was never answered with 200: that follows the sync of all lines of a request.
    """
    with _locked(folder) as directory:
        for path in sorted(folder.glob(f".*.ndjson{PART}")):
            with path.open("r+b", buffering=0) as file, suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _seal(path, file, _whole(file), directory)


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


@contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """Open and lock the folder: no other process creates, completes or recovers segments then."""
    directory = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield directory
    finally:
        os.close(directory)
