"""A Kafka topic as the sink of the collector."""

import asyncio
import threading
from contextlib import suppress

import orjson
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient

from hirehouse.collecting.spool import NotDurable, Sink
from hirehouse.landing.inputs import parse_topic_url
from hirehouse.landing.kafka_client import client_settings, describe_topic, kafka_errors

DELIVER = 10.0  # seconds until a message must be acknowledged; SDKs wait 15 for an answer


class KafkaSink(Sink):
    """Writes lines to a topic; those of a user go to one partition, in order of arrival.

    Raises:
        InputError: `url` is not the URL of a topic.
        ConnectionError: the topic can't be reached, or does not exist.
    """

    def __init__(self, url: str) -> None:
        brokers, self.topic = parse_topic_url(url)
        self.url, self.closing = url, threading.Event()
        self.thread = threading.Thread(target=self._poll, daemon=True)
        with kafka_errors(url):
            self.producer = Producer(
                client_settings(brokers)
                | {
                    "enable.idempotence": True,  # implies acks=all
                    "compression.type": "zstd",
                    "partitioner": "murmur2_random",  # as Java clients do
                    "message.timeout.ms": int(DELIVER * 1000),
                    "queue.buffering.max.kbytes": 64 << 10,
                    "error_cb": lambda error: self.failed(f"{url}: {error.str()}"),
                }
            )
            describe_topic(AdminClient(client_settings(brokers)), self.topic)

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
                loop.call_soon_threadsafe(resolve)

        def resolve() -> None:
            if not done.done():  # its client may have disconnected
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
        """Wait for messages that are not yet acknowledged."""
        await asyncio.to_thread(self.producer.flush, DELIVER)
        self.closing.set()
        self.thread.join()

    def _poll(self) -> None:
        while not self.closing.is_set():
            self.producer.poll(0.1)


def _user(line: bytes) -> bytes | None:
    """The key of a message: the user of its event."""
    with suppress(orjson.JSONDecodeError):
        event = orjson.loads(line)
        user = isinstance(event, dict) and (event.get("userId") or event.get("anonymousId"))
        return str(user).encode() if user else None
    return None
