"""From things that happen to files of events, in the order in which they arrive."""

from __future__ import annotations

import gzip
from heapq import heappop, heappush
from pathlib import Path
from random import Random
from typing import IO, Any

import orjson

from hirehouse.simulate.breakage import RULES, broken_line, fits
from hirehouse.simulate.reference import DAY, SECOND
from hirehouse.simulate.truth import Truth, day_text

CLOCK = tuple(
    f"T{hour:02d}:{minute:02d}:{second:02d}."
    for hour in range(24)
    for minute in range(60)
    for second in range(60)
)
MILLISECONDS = tuple(f"{milli:03d}Z" for milli in range(1000))
LATE_AT_LEAST, LATE_AT_MOST = 5 * SECOND, 10 * DAY
CHUNK_BYTES = 1 << 18


def iso_time(milliseconds: int) -> str:
    """ISO 8601 in UTC of milliseconds since 1970; three times as fast as by `datetime`."""
    day, rest = divmod(milliseconds, DAY)
    second, milli = divmod(rest, 1000)
    return day_text(day) + CLOCK[second] + MILLISECONDS[milli]


class Files:
    """Gzip NDJSON files `events-00000.ndjson.gz` and on, each with a fixed number of lines."""

    def __init__(self, out: Path, events_per_file: int) -> None:
        self.out, self.events_per_file = out, events_per_file
        self.count = self._lines = self._bytes = 0
        self._chunk: list[bytes] = []
        self._raw: IO[bytes] | None = None
        self._file: gzip.GzipFile | None = None

    def write(self, line: bytes) -> None:
        """Write one line, given without its line feed."""
        self._chunk.append(line)
        self._lines += 1
        self._bytes += len(line)
        if self._bytes >= CHUNK_BYTES:
            self._flush()
        if self._lines >= self.events_per_file:
            self.close()

    def _flush(self) -> None:
        if self._file is None:
            self._raw = (self.out / f"events-{self.count:05d}.ndjson.gz").open("wb")
            # No file name and no time in the header: the same events give the same bytes.
            self._file = gzip.GzipFile("", "wb", compresslevel=1, fileobj=self._raw, mtime=0)
            self.count += 1
        self._file.write(b"\n".join([*self._chunk, b""]))
        self._chunk, self._bytes = [], 0

    def close(self) -> None:
        """Finish the current file, if one is begun."""
        if self._chunk:
            self._flush()
        if self._file is not None and self._raw is not None:
            self._file.close()
            self._raw.close()
        self._file, self._raw, self._lines = None, None, 0


class Output:
    """Sends events over a network that is late, sends again and, rarely, breaks them.

    What is on its way waits in a heap by arrival, so memory holds what happens within the longest
    delay's reach and no more. It draws from a generator of its own: another share of late events
    is the same marketplace, seen through another network.
    """

    def __init__(
        self,
        files: Files,
        truth: Truth,
        *,
        seed: int,
        late_share: float,
        resent_share: float,
        broken_share: float,
        unknown_share: float,
    ) -> None:
        self.files, self.truth, self.seed = files, truth, seed
        self.late_share, self.resent_share = late_share, resent_share
        self.broken_share, self.unknown_share = broken_share, unknown_share
        self._rng = Random(f"{seed}/network")
        self._under_way: list[tuple[int, int, bytes]] = []
        self._sent = self._broken = 0
        # Rules whose turn has come and that wait for an event that can break them.
        self._due: list[str] = []

    def send(
        self,
        occurred: int,
        event: str,
        properties: dict[str, Any],
        context: dict[str, Any],
        user_id: str,
        anonymous_id: str,
    ) -> None:
        """Send an event that happened at `occurred`, in milliseconds since 1970."""
        rng, truth = self._rng, self.truth
        self._sent += 1
        truth.events_by_name[event] += 1
        sent = occurred + 5 + int(rng.random() * 300)
        if rng.random() < self.late_share:
            # As many within seconds to minutes as within days: a lost connection, a closed laptop.
            sent = occurred + int(LATE_AT_LEAST * (LATE_AT_MOST / LATE_AT_LEAST) ** rng.random())
            truth.late += 1
        received = sent + 10 + int(rng.random() * 500)
        message: dict[str, Any] = {
            "type": "track",
            "event": event,
            "messageId": f"s{self.seed}-msg-{self._sent:010d}",
            "timestamp": iso_time(occurred),
            "sentAt": iso_time(sent),
            "receivedAt": iso_time(received),
        }
        if user_id:
            message["userId"] = user_id
        if anonymous_id:
            message["anonymousId"] = anonymous_id
        message["context"] = context
        message["properties"] = properties
        if rng.random() < self.broken_share:
            self._due.append(RULES[(self._broken + len(self._due)) % len(RULES)])
        if self._due:
            self._send_broken(received, message)
        if rng.random() < self.unknown_share:
            message["properties"] = properties | {"utm_guess": f"campaign-{rng.randrange(20)}"}
            truth.unknown_properties += 1
        self._arrive(received, orjson.dumps(message))
        if rng.random() < self.resent_share:
            sent = received + int(SECOND * (2 * DAY / SECOND) ** rng.random())
            received = sent + 10 + int(rng.random() * 500)
            message["sentAt"], message["receivedAt"] = iso_time(sent), iso_time(received)
            self._arrive(received, orjson.dumps(message))
            truth.resent += 1

    def _send_broken(self, received: int, message: dict[str, Any]) -> None:
        rule = next((rule for rule in self._due if fits(rule, message["event"])), None)
        if rule is None:
            return
        self._due.remove(rule)
        self._broken += 1
        other = message | {"messageId": f"s{self.seed}-bad-{self._broken:010d}"}
        self._arrive(received, broken_line(rule, other, self._rng))
        self.truth.broken[rule] += 1

    def _arrive(self, received: int, line: bytes) -> None:
        self.truth.lines += 1
        heappush(self._under_way, (received, self.truth.lines, line))

    def advance(self, now: int) -> None:
        """Write what has arrived before `now`; nothing may happen before `now` afterwards."""
        under_way, write = self._under_way, self.files.write
        while under_way and under_way[0][0] < now:
            write(heappop(under_way)[2])

    def close(self) -> None:
        """Write what is still on its way, however late, and finish the last file."""
        while self._under_way:
            self.files.write(heappop(self._under_way)[2])
        self.files.close()
