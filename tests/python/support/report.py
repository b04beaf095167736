"""The report of `./scripts/test --all`: docs/test-report.md."""

from __future__ import annotations

import os
import platform
from collections import Counter, defaultdict
from datetime import UTC, datetime

import pytest

from hirehouse.contracts.model import ROOT

FOLDER = "tests/python/"
REPORT = ROOT / "docs" / "test-report.md"


class Report:
    """Collects what each test file did; tests add facts with `record_property`."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)
        self.seconds: dict[str, float] = defaultdict(float)
        self.facts: list[tuple[str, str, object]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        file = report.nodeid.split("::")[0]
        self.seconds[file] += report.duration
        if report.when == "call" or report.outcome != "passed":
            self.counts[file][report.outcome] += 1
            test = report.nodeid.removeprefix(FOLDER)
            self.facts += [(test, name, value) for name, value in report.user_properties]

    def pytest_sessionfinish(self) -> None:
        today = f"{datetime.now(UTC):%Y-%m-%d}"
        rows = {
            file: f"| {file} | {today} | {counts['passed']} | {counts['failed']}"
            f" | {counts['skipped']} | {self.seconds[file]:.0f} |"
            for file, counts in self.counts.items()
        }
        facts = [f"| {test} | {name} | {value} |" for test, name, value in self.facts]
        # Files that were left out this time keep what their own last run told.
        for line in REPORT.read_text(encoding="utf-8").splitlines():
            file = line.removeprefix("| ").split("::")[0].split(" ")[0]
            if (
                "/test_" in file
                and not file.startswith(FOLDER)
                and f"{FOLDER}{file}" not in self.counts
            ):
                facts.append(line)
            elif file.startswith(FOLDER) and (ROOT / file).exists():
                rows.setdefault(file, line)
        lines = [
            "# The last run of every test",
            "",
            f"`./scripts/test --all` with Python {platform.python_version()} on"
            f" {platform.system()}, {os.cpu_count()} cores. Files may be named to run a part.",
            "",
            "| tests | on | passed | failed | skipped | seconds |",
            "|---|---|---:|---:|---:|---:|",
            *(rows[file] for file in sorted(rows)),
            "",
            "| test | what | value |",
            "|---|---|---:|",
            *sorted(facts),
        ]
        REPORT.write_text("\n".join(lines) + "\n", encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--all") and not hasattr(config, "workerinput"):  # once, not per worker
        config.pluginmanager.register(Report())
