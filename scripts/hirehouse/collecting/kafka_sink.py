"""A Kafka topic as what the collector writes to."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

import orjson
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient

from hirehouse.collecting.spool import NotDurable, Sink
from hirehouse.landing.inputs import address
from hirehouse.landing.kafka_client import client_settings, errors_naming, look_up

DELIVER = 10.0  # seconds for a message to be acknowledged; SDKs wait 15 for an answer


class KafkaSink(Sink):
    """Lines into a topic, those of a user into one partition, in the order in which they came.

    Raises:
        InputError: `url` is none of a topic.
        ConnectionError: it can't be reached, or is not there.
    """

    def __init__(self, url: str) -> None:
        brokers, self.topic = address(url)
        self.url, self.closing = url, threading.Event()
        self.thread = threading.Thread(target=self._poll, daemon=True)
        with errors_naming(url):
            self.producer = Producer(
                client_settings(brokers)
                | {
                    "enable.idempotence": True,  # brings acks=all along
                    "compression.type": "zstd",
                    "partitioner": "murmur2_random",  # as Java's clients do for the same key
                    "message.timeout.ms": int(DELIVER * 1000),
                    "queue.buffering.max.kbytes": 64 << 10,
                    "error_cb": lambda error: self.failed(f"{url}: {error.str()}"),
                }
            )
            look_up(AdminClient(client_settings(brokers)), self.topic)

    async def start(self) -> None:
        self.thread.start()

    async def append(self, lines: list[bytes]) -> None:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[str] = loop.create_future()
        left, failure = len(lines), ""

        def delivered(error: KafkaError | None, _: Message) -> None:
            nonlocal left, failure
            left -= 1
            failure = error.str() if error else failure
            if not left:
                loop.call_soon_threadsafe(settle)

        def settle() -> None:
            if not done.done():  # its client may have gone
                done.set_result(failure)

        try:
            for line in lines:
                self.producer.produce(self.topic, line, _user(line), on_delivery=delivered)
        except (BufferError, KafkaException) as error:
            failure = str(error)
        else:
            failure = await done
        if failure:
            self.failed(f"{self.url}: {failure}")
            raise NotDurable(self.failure)

    async def close(self) -> None:
        """Wait for what is not yet acknowledged."""
        await asyncio.to_thread(self.producer.flush, DELIVER)
        self.closing.set()
        self.thread.join()

    def _poll(self) -> None:
        while not self.closing.is_set():
            self.producer.poll(0.1)


def _user(line: bytes) -> bytes | None:
    """The key of a message: who did what it tells."""
    with suppress(orjson.JSONDecodeError):
        event = orjson.loads(line)
        user = isinstance(event, dict) and (event.get("userId") or event.get("anonymousId"))
        return str(user).encode() if user else None
    return None
