"""A Kafka topic as an input of landing.

How far a topic has landed stands in landed.batches alone: a partition is an input whose line 1 is
offset 0. The offsets of the consumer group are only kept for those who watch its lag.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from math import inf

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from hirehouse.landing.inputs import Batch, Input, InputProgress, Limits, Segment, address
from hirehouse.landing.kafka_client import REACH, client_settings, errors_naming, look_up

PATIENCE = 60.0  # seconds without a message or a partition, after which something is wrong
BUSY = 45.0  # seconds that a member may build without a look; then others take its partitions
GONE = 6.0  # seconds after which a killed member's partitions go to others
AT_ONCE = 500  # messages
HOLE = 1_000  # offsets without a message, up to which a segment goes on with blank lines


class KafkaTopic:
    """A topic to land, read as a member of a consumer group.

    Members share the partitions of a topic. What two of them read because these change hands, the
    one that comes second leaves out when it holds the landing lock.

    Args:
        url: see `address`.
        where: names the warehouse. Unless HIREHOUSE_KAFKA_GROUP_ID says otherwise, a group is of
            one warehouse and machine: two warehouses in one group would get half of it each.

    Raises:
        InputError: `url` is none of a topic.
        ConnectionError: a setting of the client is wrong.
    """

    def __init__(self, url: str, where: str) -> None:
        self.url = url
        brokers, self.name = address(url)
        self.key = ""
        self.next: dict[int, int] = {}  # the offset to hand out next, by partition
        self.mine: set[int] | None = None  # None while the group shares out
        self.at_end: set[int] = set()
        self.ends: dict[int, int] = {}  # where a landing ends that new messages come in during
        self.open: dict[int, Segment] = {}  # of the batch that fills, by partition
        self.others: Mapping[str, InputProgress] = {}
        self.held: list[Message] = []
        self.unreadable: list[str] = []
        self.lost = self.unsure = False
        settings = client_settings(
            brokers, **{"group.id": f"hirehouse-{socket.gethostname()}-{where}"}
        )
        self.settings = settings | {
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "session.timeout.ms": int(GONE * 1000),
            "max.poll.interval.ms": int(BUSY * 1000),
            "error_cb": self._hear,
        }
        with errors_naming(url):
            self.admin = AdminClient(client_settings(brokers))
            self._join()

    def waiting(self) -> bool:
        """Whether there is something to land, or to say; takes no time."""
        self.held = self.held or self._take(0)
        return bool(self.held) or self.lost

    def batches(
        self, done: Mapping[str, InputProgress], others: Mapping[str, InputProgress], limits: Limits
    ) -> Iterator[Batch]:
        """What stands in the topic now, in the partitions of this member.

        What can't be read is told in `unreadable`. A message that was deleted by its key, or was
        none but for Kafka itself, is a blank line.

        Args:
            done: what has landed, by the checksum of an input.
            others: the same of other landings since; it is looked at when partitions come.
        """
        self.unreadable, self.ends, self.others, self.lost = [], {}, others, False
        batch, self.open = Batch(), {}
        try:
            with errors_naming(self.url):
                self._begin(done)
                heard = time.monotonic()
                while self.held or not self._finished():
                    messages, self.held = self.held or self._take(0.1), []
                    if messages:
                        heard = time.monotonic()
                    elif time.monotonic() > heard + PATIENCE:
                        raise ConnectionError(f"{self.url}: nothing came for {PATIENCE:.0f} s")
                    for message in messages:
                        if batch.line_count and limits.reached(batch):
                            yield batch
                            batch, self.open = Batch(), {}
                        self._add(batch, message)
                self.unsure = False
        except ConnectionError as error:
            self.unreadable.append(str(error))
        if batch.segments:
            yield batch

    def note(self) -> None:
        """Tell the group how far it is, once all has landed."""
        offsets = [self._at(p) for p in self.mine or () if self.next.get(p)]
        if offsets:
            with suppress(KafkaException):  # it may have changed hands
                self.consumer.commit(offsets=offsets, asynchronous=True)

    def close(self) -> None:
        """Leave the group, so that others need not wait for this member."""
        self.consumer.close()

    def _join(self) -> None:
        self.held = []
        self.consumer = Consumer(self.settings)
        self.consumer.subscribe([self.name], on_assign=self._assign, on_revoke=self._revoke)

    def _begin(self, done: Mapping[str, InputProgress]) -> None:
        key, partitions = look_up(self.admin, self.name)
        if self.key not in ("", key):
            self.close()
            self._join()  # a consumer of the old topic crashes
        self.key = key
        start = {p: self._landed(done, p) for p in partitions}
        moved = [p for p in self.mine or () if self.unsure or start.get(p) != self.next.get(p)]
        self.next, self.unsure = start, True
        self.held = [m for m in self.held if m.partition() not in moved]
        self.at_end.difference_update(moved)
        for partition in moved:
            self.consumer.seek(self._at(partition))

    def _take(self, seconds: float) -> list[Message]:
        taken = []
        for message in self.consumer.consume(AT_ONCE, seconds):
            error, partition = message.error(), message.partition() or 0
            if error and error.code() == KafkaError._PARTITION_EOF:
                self.at_end.add(partition)
            elif not error or error.code() != KafkaError._MAX_POLL_EXCEEDED:  # it joins again
                self.at_end.discard(partition)
                taken.append(message)
        return taken

    def _finished(self) -> bool:
        return self.mine is not None and all(
            p in self.at_end or self.next.get(p, 0) >= self.ends.get(p, inf) for p in self.mine
        )

    def _add(self, batch: Batch, message: Message) -> None:
        partition, offset = message.partition() or 0, message.offset() or 0  # for mypy
        if error := message.error():
            self._explain(error, partition)
            return
        if partition not in self.ends:
            # As of the last fetch: it costs nothing, and some brokers are wrong when asked.
            place = TopicPartition(self.name, partition)
            self.ends[partition] = self.consumer.get_watermark_offsets(place, cached=True)[1]
        hole = offset - self.next.get(partition, 0)
        if hole < 0:
            return  # handed out before the partition went away and came back
        segment = self.open.get(partition)
        if not segment or hole > HOLE:
            segment = self.open[partition] = Segment(self._input(partition), offset + 1)
            batch.add(segment)
            hole = 0
        line = message.value() or b""
        segment.lines += [b""] * hole
        segment.lines.append(line)
        batch.line_count += hole + 1
        batch.byte_count += len(line) + 1
        self.next[partition] = offset + 1

    def _explain(self, error: KafkaError, partition: int) -> None:
        """Say what is wrong with a partition, and go on where that loses nothing more."""
        if error.code() != KafkaError._AUTO_OFFSET_RESET:
            raise KafkaException(error)
        name, start = f"{self.url}[{partition}]", self.next.get(partition, 0)
        place = TopicPartition(self.name, partition)
        low, high = self.consumer.get_watermark_offsets(place, timeout=REACH)
        if low > start:
            text = f"offsets {start:,} to {low - 1:,} were deleted before they landed"
            self.next[partition] = low
            self.consumer.seek(self._at(partition))
        else:
            text = (
                f"it ends before offset {high:,}, but was landed up to {start - 1:,}: it was made"
                " anew or has lost messages. Nothing of it is landed; give a new topic a new name"
            )
            self.at_end.add(partition)
        self.unreadable.append(f"{name}: {text}")

    def _input(self, partition: int) -> Input:
        return Input(f"{self.url}[{partition}]", f"{self.key}[{partition}]", 0)

    def _landed(self, done: Mapping[str, InputProgress], partition: int) -> int:
        return done.get(self._input(partition).checksum, InputProgress()).last_line

    def _at(self, partition: int) -> TopicPartition:
        return TopicPartition(self.name, partition, self.next.get(partition) or OFFSET_BEGINNING)

    def _assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self.mine = {place.partition for place in partitions}
        self.at_end = set()
        for partition in self.mine:
            landed = self._landed(self.others, partition)
            self.next[partition] = max(self.next.get(partition, 0), landed)
        consumer.assign([self._at(partition) for partition in self.mine])

    def _revoke(self, *_: object) -> None:
        self.mine = None

    def _hear(self, error: KafkaError) -> None:
        self.lost = self.lost or error.code() == KafkaError._ALL_BROKERS_DOWN
