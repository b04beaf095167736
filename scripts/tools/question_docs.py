"""Writes docs/questions.md: every question of analyses/ with its answer on the profile's warehouse.

The page shows the demo's answers: `HIREHOUSE_DUCKDB=data/hirehouse.duckdb` after `./scripts/demo`.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from hirehouse.contracts.model import ROOT
from hirehouse.running.warm_dbt import WarmDbt
from hirehouse.warehouse.connections import Warehouse, open_warehouse

PAGE = Path("docs/questions.md")
SHOWN = 12  # rows of an answer at most
HEAD = f"""\
# Questions

Business questions that one or two marts answer, from `analyses/`, with the answers on the demo's
data. Ask one of your own warehouse:

```bash
.venv/bin/hirehouse query --file analyses/funnel_by_role.sql
```

Long answers are cut after {SHOWN} rows. `scripts/tools/question_docs.py` writes this page.
"""


def compiled(dbt: WarmDbt) -> dict[str, str]:
    """The SQL of each analysis by its name, in the order of the names."""
    outcome = dbt.run("compile", "--select", "path:analyses")
    assert outcome.success, outcome.failed()
    folder = dbt.folder / "compiled" / "hirehouse" / "analyses"
    return {path.stem: path.read_text().strip() for path in sorted(folder.glob("*.sql"))}


def question(name: str) -> tuple[str, str]:
    """What an analysis asks, which is its first line, and its SQL."""
    first, _, sql = (ROOT / "analyses" / f"{name}.sql").read_text().partition("\n")
    return first.removeprefix("-- "), sql


def cell(value: Any) -> str:
    """A value as the page shows it."""
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def page(warehouse: Warehouse, sql_by_name: dict[str, str]) -> str:
    """The whole page, as Markdown."""
    parts = [HEAD]
    for name, sql in sql_by_name.items():
        text, source = question(name)
        rows = warehouse.records(sql)
        parts.append(f"\n## {text}\n\n`{name}`:\n\n```sql\n{source}```\n\n")
        if rows:
            parts.append(f"| {' | '.join(rows[0])} |\n|{'---|' * len(rows[0])}\n")
        parts += [f"| {' | '.join(map(cell, row.values()))} |\n" for row in rows[:SHOWN]]
        if len(rows) > SHOWN:
            parts.append(f"\n{len(rows)} rows in all.\n")
    return "".join(parts)


def main() -> None:
    """Write the page."""
    sql_by_name = compiled(WarmDbt())
    with open_warehouse() as warehouse:
        (ROOT / PAGE).write_text(page(warehouse, sql_by_name))


if __name__ == "__main__":
    main()
