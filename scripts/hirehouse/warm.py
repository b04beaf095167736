"""dbt in this process: it starts and parses once, and a run then costs its models alone."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hirehouse.contracts import ROOT


class DbtError(Exception):
    """dbt could not run at all: it can't read the project, the profile or a selection."""


@dataclass
class Outcome:
    """What came of one run, by dbt's status (success, error, skipped, pass, fail, warn)."""

    success: bool
    seconds: dict[str, float] = field(default_factory=dict)
    status: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)

    def failed(self) -> list[str]:
        """Unique ids of the nodes that ended with an error or a failure."""
        return [node for node, status in self.status.items() if status in ("error", "fail")]


class WarmDbt:
    """A parsed project, ready to run.

    Args:
        root: the project's folder.
        folder: where dbt's artifacts and log go, apart from those of a person's own dbt.
        variables: environment variables that the profile reads, set only while dbt works.
        quiet: print errors alone.

    Raises:
        DbtError: the project can't be parsed.
    """

    def __init__(
        self,
        root: Path = ROOT,
        folder: Path | None = None,
        variables: dict[str, str] | None = None,
        *,
        quiet: bool = True,
    ) -> None:
        from dbt.cli.main import dbtRunner  # noqa: PLC0415 - takes 3 s

        self.variables = {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"} | (variables or {})
        self.common = ["--quiet"] if quiet else []
        where = folder or root / "target" / "warm"
        self.options = ["--project-dir", str(root), "--target-path", str(where)]
        self.common += ["--log-path", str(where), "--warn-error-options", "{error: all}"]
        self.runner = dbtRunner()
        self.manifest: Any = self._invoke("parse", "--no-partial-parse").result
        self.runner = dbtRunner(manifest=self.manifest)

    def run(self, command: str, *arguments: str) -> Outcome:
        """Run a command such as build, run or test; connections are closed at its end.

        Args:
            command: dbt's command.
            arguments: what else stands on the command line, such as "--select", "staging".

        Raises:
            DbtError: dbt could not begin.
        """
        result = self._invoke(command, *arguments)
        outcome = Outcome(result.success)
        for node in result.result.results:
            name = node.node.unique_id
            outcome.seconds[name] = node.execution_time
            outcome.status[name] = str(node.status)
            outcome.messages[name] = node.message or ""
        return outcome

    def _invoke(self, command: str, *arguments: str) -> Any:  # noqa: ANN401 - dbt's own result
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
