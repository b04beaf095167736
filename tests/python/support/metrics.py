"""The names of all metrics that the collector and `hirehouse run` expose."""

from __future__ import annotations

import urllib.request
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from hirehouse.collecting import s3_sink
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
    """What collectors with the producer `web` expose before their first request, of each sink."""
    add_key(folder / "keys.json", "web")
    found: dict[str, list[dict[str, str]]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(s3_sink, "open_s3", lambda url: (None, url))
        for sink in (Spool, s3_sink.S3Sink):
            registry = CollectorRegistry()
            place: Any = folder / "spool"
            Collector(sink(place, registry), Keys(folder / "keys.json"), registry)
            found |= samples(generate_latest(registry).decode())
    return found


def of_loop() -> dict[str, list[dict[str, str]]]:
    """What `hirehouse run` exposes after a round."""
    port = free_port()
    Metrics(port, "127.0.0.1").note(Round(1, lag_seconds=1.0), failing=0)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        return samples(answer.read().decode())
