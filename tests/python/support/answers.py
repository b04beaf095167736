"""The answers to the questions of analyses/, comparable between engines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import question_docs
from conftest import surrounded_by
from hirehouse.running.warm_dbt import WarmDbt
from hirehouse.warehouse.connections import open_warehouse

Answers = dict[str, list[list[str]]]


def answers(environment: dict[str, str], folder: Path) -> Answers:
    """The rows of each analysis, as texts."""
    with surrounded_by(environment):
        asked = question_docs.compiled(WarmDbt(folder=folder, variables=environment))
        with open_warehouse() as warehouse:
            return {
                name: [list(map(text, row)) for row in warehouse.query(sql)]
                for name, sql in asked.items()
            }


def text(value: Any) -> str:
    """A value without trailing zeros of its type's scale."""
    shown = str(value)
    return shown.rstrip("0").rstrip(".") if "." in shown and ":" not in shown else shown
