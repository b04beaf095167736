"""Kafka clients for reading and writing: settings, errors, and the identity of a topic."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

REACH = 5.0  # seconds to wait for a broker's answer
SETTINGS = "HIREHOUSE_KAFKA_"  # such as …SASL_PASSWORD for sasl.password


def client_settings(brokers: str, **own: str) -> dict[str, str | int | float | bool]:
    """Settings of a client: defaults, overridden by the environment."""
    given = {
        name.removeprefix(SETTINGS).lower().replace("_", "."): value
        for name, value in os.environ.items()
        if name.startswith(SETTINGS)
    }
    # No log lines: errors are raised or reported.
    return {"bootstrap.servers": brokers, "log_level": "2", **own, **given}


@contextmanager
def kafka_errors(url: str) -> Iterator[None]:
    """Turn errors of Kafka into a ConnectionError that names the topic."""
    try:
        yield
    except KafkaException as error:
        found = error.args[0]
        away = found.code() in (KafkaError._TIMED_OUT, KafkaError._TRANSPORT)
        text = "no broker answers: " * away + found.str()
        raise ConnectionError(f"{url}: {text}") from None


def describe_topic(admin: AdminClient, topic: str) -> tuple[str, list[int]]:
    """The identity of a topic, and its partitions.

    A topic that was deleted and created again has another id, and so is another input.
    """
    asked = admin.describe_topics(TopicCollection([topic]), request_timeout=REACH)
    found = asked[topic].result()
    cluster = admin.list_topics(topic, timeout=REACH).cluster_id
    return f"{cluster}/{found.topic_id}/{topic}", [place.id for place in found.partitions]
