"""What the site shows of the data: counts, sizes, example rows, health of events, charts."""

from __future__ import annotations

import subprocess
from collections import defaultdict
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from docs_site.charts import Chart, Row
from docs_site.project import Model, Project
from hirehouse.contracts.model import ROOT
from hirehouse.warehouse.connections import Warehouse

EXAMPLES = 5  # rows
MONTH = 28  # days before the last one in the data

HEALTH = """
    select
        event,
        known_on as day,
        sum(landed_count) as landed,
        sum(failed_count) as failed,
        sum(late_count) as late,
        sum(duplicate_count) as duplicates
    from {event_health_daily}
    group by event, known_on
    order by event, known_on
"""
PRODUCERS = """
    select
        event,
        context_library_name as library,
        context_app_version as version,
        sum(landed_count) as landed,
        sum(failed_count) as failed,
        max(known_on) as last_on
    from {event_health_daily}
    group by event, context_library_name, context_app_version
    order by event, max(known_on) desc, sum(landed_count) desc
"""
OPEN_FAILURES = """
    select event, rule, pointer, fingerprint, count(*) as failures, max(received_at) as last_at
    from {failed_events}
    where status = 'open'
    group by event, rule, pointer, fingerprint
    order by event, count(*) desc
"""
COVERAGE = "select event, version, property, coverage, seen_ratio from {contract_coverage}"
FRESHNESS = """
    select
        (select max(committed_at) from landed.batches) as newest_batch,
        (select max(as_of_day) from {data_as_of}) as as_of,
        (select count(*) from landed.batches where committed_at is not null) as batches
"""
# Bytes that a table takes.
SIZES = {
    "postgres": """
        select schemaname || '.' || tablename as name,
            pg_total_relation_size(format('%I.%I', schemaname, tablename)::regclass) as bytes
        from pg_tables
    """,
    "redshift": """
        select "schema" || '.' || "table" as name, size * 1048576 as bytes from svv_table_info
    """,
}


@dataclass
class Facts:
    """All of it, ordered for the pages; what has not been built is left out."""

    engine: str = ""
    rows: dict[str, int] = field(default_factory=dict)  # per model's id
    bytes: dict[str, int] = field(default_factory=dict)
    types: dict[str, dict[str, str]] = field(default_factory=dict)
    examples: dict[str, list[Row]] = field(default_factory=dict)
    health: dict[str, list[Row]] = field(default_factory=dict)  # per event, by day
    producers: dict[str, list[Row]] = field(default_factory=dict)
    failures: dict[str, list[Row]] = field(default_factory=dict)
    coverage: dict[tuple[str, int], dict[str, Row]] = field(default_factory=dict)
    freshness: Row = field(default_factory=dict)
    charts: dict[str, list[Row]] = field(default_factory=dict)  # per SQL


def gather(
    project: Project,
    warehouse: Warehouse,
    hidden: Collection[tuple[str, str]],
    told: Callable[[str], None],
) -> Facts:
    """Ask the warehouse for all that the site shows.

    Args:
        hidden: columns with personal data, of which no row is shown: model's id and name.
        told: is told of each relation that is asked.
    """
    columns = warehouse.query(
        "select table_schema, table_name, column_name, data_type from information_schema.columns"
        " order by table_schema, table_name, ordinal_position"
    )
    types: dict[str, dict[str, str]] = defaultdict(dict)
    for schema, name, column, kind in columns:
        types[f"{schema}.{name}"][column] = short(str(kind))
    facts = Facts(engine=warehouse.engine)
    sizes = read_sizes(warehouse)
    for model in project.models.values():
        told(model.page)
        if model.relation not in types:
            continue
        facts.types[model.id] = types[model.relation]
        if model.relation in sizes:
            facts.bytes[model.id] = sizes[model.relation]
        # A view of staging or below a mart would be computed anew for it.
        if model.node["config"]["materialized"] != "view" or model.layer == "marts":
            facts.rows[model.id] = warehouse.query(f"select count(*) from {model.relation}")[0][0]
        if model.layer in ("marts", "seeds"):
            facts.examples[model.id] = example_rows(model, warehouse, types, hidden)
    built = {m.node["name"]: m.relation for m in project.models.values() if m.id in facts.types}
    ask = Asking(warehouse, built)
    facts.health = by_event(ask(HEALTH))
    facts.producers = by_event(ask(PRODUCERS))
    facts.failures = by_event(ask(OPEN_FAILURES))
    for row in ask(COVERAGE):
        facts.coverage.setdefault((row["event"], row["version"]), {})[row["property"]] = row
    facts.freshness = next(iter(ask(FRESHNESS)), {})
    for chart in charts_of(project):
        told(chart.title)
        if chart.mart.id in facts.types:
            facts.charts[chart.sql] = [*warehouse.records(chart.sql)]
    return facts


def charts_of(project: Project) -> list[Chart]:
    """Every chart of the site."""
    charts = [chart for board in project.boards for chart in board.charts]
    return charts + [metric.chart for metric in project.metrics.values()]


class Asking:
    """Runs selects from marts in which their names stand in braces; none for one not built."""

    def __init__(self, warehouse: Warehouse, built: dict[str, str]) -> None:
        self.warehouse = warehouse
        self.built = built

    def __call__(self, sql: str) -> list[Row]:
        try:
            return [*self.warehouse.records(sql.format_map(self.built))]
        except KeyError:
            return []


def by_event(rows: list[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["event"] or "unknown"].append(row)
    return found


def example_rows(
    model: Model,
    warehouse: Warehouse,
    types: dict[str, dict[str, str]],
    hidden: Collection[tuple[str, str]],
) -> list[Row]:
    """A few rows, the same each time, without columns of personal data."""
    names = [name for name in types[model.relation] if (model.id, name) not in hidden]
    columns = ", ".join(f'"{name}"' for name in names)
    order = ", ".join(str(n + 1) for n in range(min(3, len(names))))
    sql = f"select {columns} from {model.relation} order by {order} limit {EXAMPLES}"
    return [*warehouse.records(sql)] if names else []


def read_sizes(warehouse: Warehouse) -> dict[str, int]:
    """The bytes of each table, by schema and name."""
    if warehouse.engine in SIZES:
        return {str(name): int(size) for name, size in warehouse.query(SIZES[warehouse.engine])}
    [(block,)] = warehouse.query("select block_size from pragma_database_size()")
    sizes = {}
    for schema, name in warehouse.query(
        "select schema_name, table_name from duckdb_tables() where not temporary"
    ):
        counted = "select count(distinct block_id) from pragma_storage_info(?) where persistent"
        [(blocks,)] = warehouse.query(counted, [f'"{schema}"."{name}"'])
        sizes[f"{schema}.{name}"] = blocks * block
    return sizes


def short(kind: str) -> str:
    """A type as the contracts write it."""
    names = {
        "character varying": "varchar",
        "timestamp without time zone": "timestamp",
        "decimal": "numeric",
    }
    kind = kind.lower()
    for long, name in names.items():
        kind = kind.replace(long, name)
    return kind


def last_build(folder: Path = ROOT / "target") -> dict[str, Any]:
    """What dbt, or `hirehouse run`, recorded of the newest build; empty if there is none."""
    found: list[dict[str, Any]] = []
    for path in (folder / "run_results.json", folder / "warm" / "run_results.json"):
        if path.exists():
            found.append(orjson.loads(path.read_bytes()))
    # Other commands, such as `show`, write the same file.
    builds = [one for one in found if one["args"].get("which") in ("build", "run", "test")]
    return max(builds, key=lambda one: str(one["metadata"]["generated_at"]), default={})


def history(path: str) -> list[tuple[str, str]]:
    """The changes of a file, as day and subject, newest first; empty without git."""
    command = ["git", "log", "--follow", "--max-count=10", "--format=%as\t%s", "--", path]
    with suppress(OSError, subprocess.CalledProcessError):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        lines = (line.partition("\t") for line in done.stdout.splitlines())
        return [(day, subject) for day, _, subject in lines]
    return []
