"""The report of `./scripts/test --all`: docs/test-report.md."""

from __future__ import annotations

import os
import platform
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime

import pytest

from hirehouse.contracts import ROOT

REPORT = ROOT / "docs" / "test-report.md"


class Report:
    """Collects what each test file did; tests add facts with `record_property`."""

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)
        self.seconds: Counter[str] = Counter()
        self.facts: list[tuple[str, str, object]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        file = report.nodeid.split("::")[0]
        self.seconds[file] += report.duration
        if report.when == "call" or report.outcome != "passed":
            self.counts[file][report.outcome] += 1
            self.facts += [(report.nodeid.split("::")[1], n, v) for n, v in report.user_properties]

    def pytest_sessionfinish(self) -> None:
        minutes = (time.monotonic() - self.begun) / 60
        lines = [
            "# The last run of every test",
            "",
            f"`./scripts/test --all` on {datetime.now(UTC):%Y-%m-%d}: {minutes:.0f} minutes with"
            f" Python {platform.python_version()} on {platform.system()}, {os.cpu_count()} cores.",
            "",
            "| tests | passed | failed | skipped | seconds |",
            "|---|---:|---:|---:|---:|",
        ]
        for file, counts in sorted(self.counts.items()):
            row = (counts["passed"], counts["failed"], counts["skipped"])
            lines.append(f"| {file} | {row[0]} | {row[1]} | {row[2]} | {self.seconds[file]:.0f} |")
        if self.facts:
            lines += ["", "| test | what | value |", "|---|---|---:|"]
            lines += [f"| {test} | {name} | {value} |" for test, name, value in self.facts]
        REPORT.write_text("\n".join(lines) + "\n", encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--all") and not hasattr(config, "workerinput"):  # once, not per worker
        config.pluginmanager.register(Report())
