"""The names of all metrics that the collector and `hirehouse run` expose."""

from __future__ import annotations

import urllib.request
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from hirehouse.collecting.app import Collector
from hirehouse.collecting.spool import Spool
from hirehouse.collecting.write_keys import Keys, add_key
from hirehouse.running.loop import Round
from hirehouse.running.metrics import Metrics
from support.servers import free_port


def samples(text: str) -> dict[str, list[dict[str, str]]]:
    """The labels of each sample, by its name."""
    found: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


def of_collector(folder: Path) -> dict[str, list[dict[str, str]]]:
    """What a collector with the producer `web` exposes before its first request."""
    registry = CollectorRegistry()
    add_key(folder / "keys.json", "web")
    Collector(Spool(folder / "spool", registry), Keys(folder / "keys.json"), registry)
    return samples(generate_latest(registry).decode())


def of_loop() -> dict[str, list[dict[str, str]]]:
    """What `hirehouse run` exposes after a round."""
    port = free_port()
    Metrics(port, "127.0.0.1").note(Round(1, lag_seconds=1.0), failing=0)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        return samples(answer.read().decode())
