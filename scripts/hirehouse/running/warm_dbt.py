"""dbt in this process: it is imported and parses once, so a run costs only its models."""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hirehouse.contracts.errors import ExpectedError
from hirehouse.contracts.model import ROOT

CHOSEN = "chosen_for_this_run"
# Warnings are errors, but for one about metrics; dbt_project.yml, which this replaces, has why.
WARNINGS = ("--warn-error-options", "{error: all, silence: [MFConverterIssue]}")


class DbtError(ExpectedError):
    """dbt could not start: the project, the profile or a selection can't be read."""


@dataclass
class Outcome:
    """The result of one run; `status` has dbt's (success, error, skipped, pass, fail, warn)."""

    success: bool
    seconds: dict[str, float] = field(default_factory=dict)
    status: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)

    def failed(self) -> dict[str, str]:
        """The messages of the nodes that ended with an error or a failure."""
        bad = (node for node, status in self.status.items() if status in ("error", "fail"))
        return {node: self.messages[node] for node in bad}


def brief(message: str) -> str:
    """The place and the error of a message of dbt, as one line; further lines may quote rows."""
    lines = [line for line in message.splitlines() if line.strip()]
    return " ".join(" ".join(lines[:2]).split())


class WarmDbt:
    """A parsed project, ready to run.

    Args:
        root: the project's folder.
        folder: for the artifacts and log of dbt, apart from those of other dbt runs.
        variables: environment variables for the profile, set only while dbt runs.
        target: an output of the profile; default the target of the profile.

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
        self.common = ["--quiet", "--log-path", str(self.folder), *WARNINGS]
        self.options = ["--project-dir", str(root), "--target-path", str(self.folder)]
        self.options += ["--target", target] if target else []
        self.parse()

    def parse(self) -> None:
        """Parse what has changed since the last parse with this folder.

        Raises:
            DbtError: it can't be parsed.
        """
        from dbt.cli.main import dbtRunner  # takes 3 s

        self.runner = dbtRunner()
        self.manifest = self._read()
        self.runner = dbtRunner(manifest=self.manifest)

    def _read(self) -> Any:
        return self._invoke("parse").result

    def run(self, command: str, *arguments: str, nodes: Iterable[str] = ()) -> Outcome:
        """Run a command such as build, run or test; DbtError if dbt could not start.

        Args:
            arguments: further arguments, such as "--select", "staging".
            nodes: unique ids of the nodes to select; by default the arguments decide.
        """
        if nodes := set(nodes):
            # Selecting by names would compare each name with each node of the project.
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

    def skip_schema_checks(self, nodes: Iterable[str]) -> None:
        """Let later runs of these nodes skip schema checks and comments, which are up to date.

        An incremental run compares the columns of the table with those of its model, and writes all
        comments again: half of its time, though both change only with the project.
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
        """Close the DuckDB file, so that other processes can open it."""
        with suppress(ImportError):
            from dbt.adapters.duckdb.connections import (  # where it is installed
                DuckDBConnectionManager,
            )

            close: Any = DuckDBConnectionManager.close_all_connections
            close()
