"""A folder on S3 as the sink of the collector: one object for all requests that wait together."""

import asyncio
import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from hirehouse.collecting.spool import NotDurable, Sink
from hirehouse.contracts.errors import ExpectedError
from hirehouse.landing.s3 import open_s3, s3_errors

OBJECT_AGE = 0.25  # seconds from one object to the next one, at least
OBJECT_SIZE = 4 << 20  # bytes of waiting lines after which an object is written at once
PUTS = 4  # objects that are written at a time: S3 is slow now and then
DELIVER = 10.0  # seconds until an object must be written; SDKs wait 15 for an answer
PUT_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class S3Sink(Sink):
    """Writes the lines of concurrent requests as one object after another.

    An object's name is the time and the SHA-256 of its lines. So any number of collectors may
    write to a folder, and landing knows by the name whether an object has landed.

    Args:
        url: s3://bucket/folder.
        registry: gets bytes written, requests waiting, and seconds of writes.
        age: seconds from the start of one write to that of the next, unless OBJECT_SIZE bytes wait.

    Raises:
        InputError, S3Error: the URL is malformed, or its bucket can't be used.
    """

    def __init__(self, url: str, registry: CollectorRegistry, age: float = OBJECT_AGE) -> None:
        self.files, self.path = open_s3(url)
        self.url, self.age = url, age
        self.waiting: dict[asyncio.Future[str], list[bytes]] = {}
        self.size = 0  # bytes of waiting lines
        self.wake, self.hurry = asyncio.Event(), asyncio.Event()
        self.closing = False
        self.slots = asyncio.Semaphore(PUTS)
        self.writing: set[asyncio.Task[None]] = set()
        self.threads = ThreadPoolExecutor(PUTS, "s3")
        self.written = Counter("hirehouse_s3_bytes", "Bytes written", registry=registry)
        queue = Gauge("hirehouse_s3_waiting", "Requests that wait", registry=registry)
        queue.set_function(lambda: len(self.waiting))
        self.puts = Histogram(
            "hirehouse_s3_put_seconds", "Seconds of a write", buckets=PUT_SECONDS, registry=registry
        )

    async def start(self) -> None:
        self.task = asyncio.create_task(self._run())

    async def append(self, lines: list[bytes]) -> None:
        # A result and no exception: that would hold the lines until the garbage is collected.
        done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.waiting[done] = lines
        self.size += sum(map(len, lines))
        self.wake.set()
        if self.size >= OBJECT_SIZE:
            self.hurry.set()
        try:
            # Later the object may appear all the same; a copy of an event counts once.
            await asyncio.wait([done], timeout=DELIVER)
        finally:
            self._take(done)  # else lines that nobody waits for would fill the memory
        late = f"{self.url}: no answer within {DELIVER:.0f} seconds"
        if failure := done.result() if done.done() else late:
            self.failed(failure)
            raise NotDurable(failure)

    async def close(self) -> None:
        self.closing = True
        self.wake.set()
        self.hurry.set()
        await self.task
        await asyncio.gather(*self.writing)
        self.threads.shutdown()

    def _take(self, done: asyncio.Future[str]) -> list[bytes]:
        """The lines of a request, which wait no longer."""
        lines = self.waiting.pop(done, [])
        self.size -= sum(map(len, lines))
        return lines

    async def _run(self) -> None:
        due = 0.0
        while self.waiting or not self.closing:
            await self.wake.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self.hurry.wait()
            await self.slots.acquire()
            due = asyncio.get_running_loop().time() + self.age
            group: dict[asyncio.Future[str], list[bytes]] = {}
            size = 0
            while self.waiting and size < OBJECT_SIZE:
                done = next(iter(self.waiting))
                group[done] = self._take(done)
                size += sum(map(len, group[done]))
            if not self.waiting and not self.closing:
                self.wake.clear()
            if self.size < OBJECT_SIZE and not self.closing:
                self.hurry.clear()
            writing = asyncio.create_task(self._write(group))
            self.writing.add(writing)
            writing.add_done_callback(self.writing.discard)

    async def _write(self, group: dict[asyncio.Future[str], list[bytes]]) -> None:
        loop, failure = asyncio.get_running_loop(), ""
        try:
            await loop.run_in_executor(self.threads, self._put, [*group.values()])
        except (ExpectedError, FileNotFoundError, MemoryError) as error:
            failure = str(error) or "out of memory"
        finally:
            self.slots.release()
        for done in group:
            done.set_result(failure)

    def _put(self, requests: list[list[bytes]]) -> None:
        if not requests:  # all of them have disconnected
            return
        # In one write: what was written before an error would become an object, too.
        text = b"\n".join([*chain.from_iterable(requests), b""])
        path = f"{self.path}/{time.time_ns()}-{hashlib.sha256(text).hexdigest()}.ndjson"
        with self.puts.time(), s3_errors(self.url), self.files.open_output_stream(path) as object_:
            object_.write(text)
        self.written.inc(len(text))
