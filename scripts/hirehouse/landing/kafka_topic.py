"""A Kafka topic as an input of landing.

Only landed.batches records how far a topic has landed: a partition is an input whose line 1 is
offset 0. The offsets of the consumer group are committed only for monitoring of its lag.
"""

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

from hirehouse.landing.inputs import Batch, Input, InputProgress, Limits, Segment, parse_topic_url
from hirehouse.landing.kafka_client import REACH, client_settings, describe_topic, kafka_errors

SILENCE_TIMEOUT = 60.0  # seconds without a message or partition until a landing gives up
# Seconds without a poll, such as during a build, or without a heartbeat, after a kill, until the
# partitions of a member go to others.
MAX_POLL_INTERVAL, SESSION_TIMEOUT = 45.0, 6.0
MESSAGES_PER_POLL = 500
MAX_GAP = 1_000  # offsets without a message that a segment fills with blank lines


class KafkaTopic:
    """A topic to land, read as a member of a consumer group.

    Members share the partitions of a topic. Messages that two members read during a rebalance land
    once: the second one skips them when it holds the landing lock.

    Args:
        url: see `parse_topic_url`.
        where: identifies the warehouse. Unless HIREHOUSE_KAFKA_GROUP_ID is set, there is one
            group per warehouse and machine: two warehouses in a group would get half each.

    Raises:
        InputError: `url` is not the URL of a topic.
        ConnectionError: a setting of the client is invalid.
    """

    def __init__(self, url: str, where: str) -> None:
        self.url = url
        brokers, self.name = parse_topic_url(url)
        self.key = ""
        self.next: dict[int, int] = {}  # the next offset to read, by partition
        self.assigned: set[int] | None = None  # None during a rebalance
        self.at_end: set[int] = set()
        # Offsets where this landing ends, though messages keep coming.
        self.ends: dict[int, int] = {}
        self.open: dict[int, Segment] = {}  # of the current batch, by partition
        self.others: Mapping[str, InputProgress] = {}
        self.buffered: list[Message] = []
        self.unreadable: list[str] = []
        self.lost = self.uncertain = False
        settings = client_settings(
            brokers, **{"group.id": f"hirehouse-{socket.gethostname()}-{where}"}
        )
        self.settings = settings | {
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "session.timeout.ms": int(SESSION_TIMEOUT * 1000),
            "max.poll.interval.ms": int(MAX_POLL_INTERVAL * 1000),
            "error_cb": self._on_error,
        }
        with kafka_errors(url):
            self.admin = AdminClient(client_settings(brokers))
            self._join()

    def waiting(self) -> bool:
        """Whether there are messages to land, or an error to report; does not block."""
        self.buffered = self.buffered or self._consume(0)
        return bool(self.buffered) or self.lost

    def batches(
        self, done: Mapping[str, InputProgress], others: Mapping[str, InputProgress], limits: Limits
    ) -> Iterator[Batch]:
        """The current messages of the topic, in the partitions of this member.

        Errors are added to `unreadable`. Tombstones and control records become blank lines.

        Args:
            done: how far inputs have landed, by checksum.
            others: the same for other landings since then; used when partitions are assigned.
        """
        self.unreadable, self.ends, self.others, self.lost = [], {}, others, False
        batch, self.open = Batch(), {}
        try:
            with kafka_errors(self.url):
                self._start(done)
                last_message_at = time.monotonic()
                while self.buffered or not self._finished():
                    messages, self.buffered = self.buffered or self._consume(0.1), []
                    if messages:
                        last_message_at = time.monotonic()
                    elif time.monotonic() > last_message_at + SILENCE_TIMEOUT:
                        raise ConnectionError(f"{self.url}: no message for {SILENCE_TIMEOUT:.0f} s")
                    for message in messages:
                        if batch.line_count and limits.reached(batch):
                            yield batch
                            batch, self.open = Batch(), {}
                        self._add(batch, message)
                self.uncertain = False
        except ConnectionError as error:
            self.unreadable.append(str(error))
        if batch.segments:
            yield batch

    def commit_offsets(self) -> None:
        """Commit the offsets of the group, after everything has landed."""
        offsets = [self._position(p) for p in self.assigned or () if self.next.get(p)]
        if offsets:
            with suppress(KafkaException):  # a partition may have moved
                self.consumer.commit(offsets=offsets, asynchronous=True)

    def close(self) -> None:
        """Leave the group, so that others need not wait for this member."""
        self.consumer.close()

    def _join(self) -> None:
        self.buffered = []
        self.consumer = Consumer(self.settings)
        self.consumer.subscribe([self.name], on_assign=self._assign, on_revoke=self._revoke)

    def _start(self, done: Mapping[str, InputProgress]) -> None:
        key, partitions = describe_topic(self.admin, self.name)
        if self.key not in ("", key):
            self.close()
            self._join()  # a consumer of the deleted topic crashes
        self.key = key
        start = {p: self._landed(done, p) for p in partitions}
        moved = [
            p for p in self.assigned or () if self.uncertain or start.get(p) != self.next.get(p)
        ]
        self.next, self.uncertain = start, True
        self.buffered = [m for m in self.buffered if m.partition() not in moved]
        self.at_end.difference_update(moved)
        for partition in moved:
            self.consumer.seek(self._position(partition))

    def _consume(self, seconds: float) -> list[Message]:
        messages = []
        for message in self.consumer.consume(MESSAGES_PER_POLL, seconds):
            error, partition = message.error(), message.partition() or 0
            if error and error.code() == KafkaError._PARTITION_EOF:
                self.at_end.add(partition)
            elif not error or error.code() != KafkaError._MAX_POLL_EXCEEDED:  # it rejoins
                self.at_end.discard(partition)
                messages.append(message)
        return messages

    def _finished(self) -> bool:
        return self.assigned is not None and all(
            p in self.at_end or self.next.get(p, 0) >= self.ends.get(p, inf) for p in self.assigned
        )

    def _add(self, batch: Batch, message: Message) -> None:
        partition, offset = message.partition() or 0, message.offset() or 0  # for mypy
        if error := message.error():
            self._report_error(error, partition)
            return
        if partition not in self.ends:
            # As of the last fetch: without a request, to which some brokers answer wrongly.
            place = TopicPartition(self.name, partition)
            self.ends[partition] = self.consumer.get_watermark_offsets(place, cached=True)[1]
        gap = offset - self.next.get(partition, 0)
        if gap < 0:
            return  # read already, before a rebalance
        segment = self.open.get(partition)
        if not segment or gap > MAX_GAP:
            segment = self.open[partition] = Segment(self._input(partition), offset + 1)
            batch.add(segment)
            gap = 0
        line = message.value() or b""
        segment.lines += [b""] * gap
        segment.lines.append(line)
        batch.line_count += gap + 1
        batch.byte_count += len(line) + 1
        self.next[partition] = offset + 1

    def _report_error(self, error: KafkaError, partition: int) -> None:
        """Record an error of a partition, and continue where possible."""
        if error.code() != KafkaError._AUTO_OFFSET_RESET:
            raise KafkaException(error)
        name, start = f"{self.url}[{partition}]", self.next.get(partition, 0)
        place = TopicPartition(self.name, partition)
        low, high = self.consumer.get_watermark_offsets(place, timeout=REACH)
        if low > start:
            text = f"offsets {start:,} to {low - 1:,} were deleted before they landed"
            self.next[partition] = low
            self.consumer.seek(self._position(partition))
        else:
            text = (
                f"it ends before offset {high:,}, but has landed up to {start - 1:,}: it was"
                " created again or has lost messages. It is skipped; give a new topic a new name"
            )
            self.at_end.add(partition)
        self.unreadable.append(f"{name}: {text}")

    def _input(self, partition: int) -> Input:
        return Input(f"{self.url}[{partition}]", f"{self.key}[{partition}]", 0)

    def _landed(self, done: Mapping[str, InputProgress], partition: int) -> int:
        return done.get(self._input(partition).checksum, InputProgress()).last_line

    def _position(self, partition: int) -> TopicPartition:
        return TopicPartition(self.name, partition, self.next.get(partition) or OFFSET_BEGINNING)

    def _assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self.assigned = {place.partition for place in partitions}
        self.at_end = set()
        for partition in self.assigned:
            landed = self._landed(self.others, partition)
            self.next[partition] = max(self.next.get(partition, 0), landed)
        consumer.assign([self._position(partition) for partition in self.assigned])

    def _revoke(self, *_: object) -> None:
        self.assigned = None

    def _on_error(self, error: KafkaError) -> None:
        self.lost = self.lost or error.code() == KafkaError._ALL_BROKERS_DOWN
