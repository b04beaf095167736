"""The spool: a folder of append-only segments, from which `hirehouse land` and `run` take events.

A segment is open under a name that starts with a dot, which they pass over, and gets its own name
once it is whole. Whoever writes one holds a lock on it, so that what a dead process left is known.
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

SIZE = 64 << 20  # bytes of a segment
AGE = 1.0  # seconds after which a segment gets its name, so that events need not wait
TROUBLE = 5.0  # seconds that a failed write counts as trouble
PART = ".part"
FSYNC = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2)


class NotDurable(Exception):
    """Lines could not be made durable: they may come again."""


class Sink:
    failed_at, failure = -inf, ""

    async def start(self) -> None:
        """Make ready; OSError if that can't be."""

    async def append(self, lines: list[bytes]) -> None:
        """Return once the lines, which have no newline, are durable; NotDurable if they are not."""
        raise NotImplementedError

    def failed(self, why: str) -> None:
        self.failed_at, self.failure = time.monotonic(), why

    def trouble(self) -> str:
        """What went wrong a short while ago; empty if all is well."""
        return self.failure if time.monotonic() < self.failed_at + TROUBLE else ""

    async def close(self) -> None:
        """Finish what has been appended."""


class Spool(Sink):
    """Lines of many requests at once into one segment after another.

    While one group of lines is written and synced, the next gathers: so a sync, which takes
    milliseconds, is shared by all that came meanwhile.

    Args:
        folder: where the segments go; made if it is not there.
        registry: told bytes, the requests that wait, and the seconds of syncs.
        age: seconds until a segment gets its own name.
    """

    def __init__(self, folder: Path, registry: CollectorRegistry, age: float = AGE) -> None:
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
        """Take over what dead processes left, and begin to write."""
        self.folder.mkdir(parents=True, exist_ok=True)
        recover(self.folder)
        self.task = asyncio.create_task(self._run())

    async def append(self, lines: list[bytes]) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append((lines, done))
        self.wake.set()
        await done

    async def close(self) -> None:
        """Write what waits, and name the last segment."""
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
                if done.done():  # its client has gone
                    continue
                if failure:
                    done.set_exception(NotDurable(failure))
                else:
                    done.set_result(None)

    def _write(self, lines: list[bytes]) -> str:
        """Write and sync lines; returns what went wrong."""
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
        if self.segment and (self.segment.size >= SIZE or time.monotonic() >= self.segment.due):
            self._seal()
        return ""

    def _seal(self) -> None:
        """Give the segment its name, without what could not be synced.

        Where that fails, too, it stays for `recover`: what is synced is safe under either name.
        """
        if self.segment:
            segment, self.segment = self.segment, None
            with segment.file, suppress(OSError), _locked(self.folder) as directory:
                _seal(segment.path, segment.file, segment.size, directory)


class _Segment:
    """An open segment; `size` counts only what is synced."""

    def __init__(self, folder: Path, age: float) -> None:
        self.path = folder / f".{time.time_ns()}-{os.getpid()}.ndjson{PART}"
        self.size = 0
        self.due = time.monotonic() + age
        with _locked(folder) as directory:
            self.file = self.path.open("xb", buffering=0)
            fcntl.flock(self.file, fcntl.LOCK_EX)
            # Synced lines are no use in a file whose name a power cut takes away.
            os.fsync(directory)

    def append(self, data: bytes) -> None:
        """Write and sync. After an error the segment must not be written again: what of it is on
        the disk nobody knows, and a second fsync would call lost pages written."""
        left = memoryview(data)
        while left:
            left = left[os.write(self.file.fileno(), left) :]
        os.fsync(self.file.fileno())  # what is answered 200 must outlive a power cut
        self.size += len(data)


def recover(folder: Path) -> None:
    """Give the segments of dead processes their names, cut after the last whole line.

    What is cut off was never answered: an answer follows the sync of all its lines.
    """
    with _locked(folder) as directory:
        for path in sorted(folder.glob(f".*.ndjson{PART}")):
            with path.open("r+b", buffering=0) as file, suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _seal(path, file, _whole(file), directory)


def _seal(path: Path, file: BinaryIO, size: int, directory: int) -> None:
    os.ftruncate(file.fileno(), size)
    if size:
        os.fsync(file.fileno())  # before the name: landing knows a file by all of its bytes
        path.rename(path.with_name(path.name[1:].removesuffix(PART)))
    else:
        path.unlink()
    os.fsync(directory)  # so that a name which a landing has recorded does not go back


def _whole(file: BinaryIO) -> int:
    """Bytes up to and with the last newline."""
    if not os.fstat(file.fileno()).st_size:
        return 0
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        return text.rfind(b"\n") + 1


@contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """The folder, opened and locked: nobody else opens, names or takes over a segment meanwhile."""
    directory = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield directory
    finally:
        os.close(directory)
