"""dbt in this process: it starts and parses once, and a run then costs its models alone."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hirehouse.contracts.model import ROOT

CHOSEN = "chosen_for_this_run"


class DbtError(Exception):
    """dbt could not run at all: it can't read the project, the profile or a selection."""


@dataclass
class Outcome:
    """What came of one run, by dbt's status (success, error, skipped, pass, fail, warn)."""

    success: bool
    seconds: dict[str, float] = field(default_factory=dict)
    status: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)

    def failed(self) -> dict[str, str]:
        """What those nodes say that ended with an error or a failure."""
        bad = (node for node, status in self.status.items() if status in ("error", "fail"))
        return {node: self.messages[node] for node in bad}


class WarmDbt:
    """A parsed project, ready to run.

    Args:
        root: the project's folder.
        folder: where dbt's artifacts and log go, apart from those of a person's own dbt.
        variables: environment variables that the profile reads, set only while dbt works.
        target: which output of the profile; else the profile's own.

    Raises:
        DbtError: the project can't be parsed.
    """

    def __init__(
        self,
        root: Path = ROOT,
        folder: Path | None = None,
        variables: dict[str, str] | None = None,
        *,
        target: str | None = None,
    ) -> None:
        self.root = root
        self.variables = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"} | (variables or {})
        self.folder = folder or root / "target" / "warm"
        self.common = ["--quiet", "--log-path", str(self.folder)]
        self.common += ["--warn-error-options", "{error: all}"]
        self.options = ["--project-dir", str(root), "--target-path", str(self.folder)]
        self.options += ["--target", target] if target else []
        self.parse()

    def parse(self) -> None:
        """Read what has changed since the project was read last into this folder.

        Raises:
            DbtError: it can't be parsed.
        """
        from dbt.cli.main import dbtRunner  # noqa: PLC0415 - takes 3 s

        self.runner = dbtRunner()
        self.manifest = self._read()
        self.runner = dbtRunner(manifest=self.manifest)

    def _read(self) -> Any:
        return self._invoke("parse").result

    def run(self, command: str, *arguments: str, nodes: Iterable[str] = ()) -> Outcome:
        """Run a command such as build, run or test; DbtError if dbt could not begin.

        Args:
            arguments: what else stands on the command line, such as "--select", "staging".
            nodes: unique ids, if these and no others are selected.
        """
        if nodes := set(nodes):
            # As names, dbt would hold each of them against each node of the project.
            for node in self.manifest.nodes.values():
                node.tags = [tag for tag in node.tags if tag != CHOSEN]
                node.tags += [CHOSEN] if node.unique_id in nodes else []
            arguments = (*arguments, "--select", f"tag:{CHOSEN}")
        result = self._invoke(command, *arguments)
        found = {one.node.unique_id: one for one in result.result.results}
        return Outcome(
            result.success,
            {name: one.execution_time for name, one in found.items()},
            {name: str(one.status) for name, one in found.items()},
            {name: one.message or "" for name, one in found.items()},
        )

    def settle(self, nodes: Iterable[str]) -> None:
        """From now on, spare tables what the run that is over has done to them.

        An incremental run looks whether the table still has the columns of its model, and writes
        all comments anew: half of what it costs, and both change with the project alone.
        """
        for node in nodes:
            config = self.manifest.nodes[node].config
            if config.materialized == "incremental":
                config.on_schema_change = "ignore"
                config.persist_docs = {}

    def _invoke(self, command: str, *arguments: str) -> Any:
        before = dict(os.environ)
        os.environ.update(self.variables)
        try:
            result = self.runner.invoke([*self.common, command, *self.options, *arguments])
        finally:
            os.environ.clear()
            os.environ.update(before)
            self.close()
        if result.exception or result.result is None:
            raise DbtError(f"dbt {command}: {result.exception}")
        return result

    @staticmethod
    def close() -> None:
        """Let go of a DuckDB file, so that others can open it."""
        with suppress(ImportError):
            from dbt.adapters.duckdb.connections import (  # noqa: PLC0415 - only where installed
                DuckDBConnectionManager,
            )

            close: Any = DuckDBConnectionManager.close_all_connections
            close()
