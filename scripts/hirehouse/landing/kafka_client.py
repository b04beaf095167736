"""What the two sides of a Kafka topic share: settings, errors that name it, and its identity."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

REACH = 5.0  # seconds to wait for a broker's answer
SETTINGS = "HIREHOUSE_KAFKA_"  # such as …SASL_PASSWORD for sasl.password


def client_settings(brokers: str, **own: str) -> dict[str, str | int | float | bool]:
    """Settings of a client: our own defaults, and over them those of the environment."""
    given = {
        name.removeprefix(SETTINGS).lower().replace("_", "."): value
        for name, value in os.environ.items()
        if name.startswith(SETTINGS)
    }
    # What goes wrong is raised or told, too.
    return {"bootstrap.servers": brokers, "log_level": "2", **own, **given}


@contextmanager
def errors_naming(url: str) -> Iterator[None]:
    try:
        yield
    except KafkaException as error:
        found = error.args[0]
        away = found.code() in (KafkaError._TIMED_OUT, KafkaError._TRANSPORT)
        text = "no broker answers there: " * away + found.str()
        raise ConnectionError(f"{url}: {text}") from None


def look_up(admin: AdminClient, topic: str) -> tuple[str, list[int]]:
    """What a topic is known by, and its partitions.

    A topic that was deleted and made anew has another id, and so is another input.
    """
    asked = admin.describe_topics(TopicCollection([topic]), request_timeout=REACH)
    found = asked[topic].result()
    cluster = admin.list_topics(topic, timeout=REACH).cluster_id
    return f"{cluster}/{found.topic_id}/{topic}", [place.id for place in found.partitions]
