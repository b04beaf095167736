"""Writes the pages of the site from templates."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import jinja2
import orjson
from markdown_it import MarkdownIt
from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

from docs_site.charts import Chart, Row, plain, sparkline, vega
from docs_site.diagrams import entity_diagram, lineage_diagram
from docs_site.facts import MONTH, Facts, history
from docs_site.lineage import Column, Lineage
from docs_site.project import Board, Metric, Model, Project
from docs_site.search import carriers, properties, search_index
from docs_site.snippets import snippets
from hirehouse.contracts.model import envelope

HERE = Path(__file__).parent
NONE = "\N{EN DASH}"
DEEP = 2  # steps of a column's lineage after the first that its page shows
Branch = tuple[Column, list[Any]]
MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


@dataclass
class Site:
    """All that the pages show, and where they go."""

    project: Project
    facts: Facts
    lineage: Lineage
    build: dict[str, Any]  # dbt's record of the last one
    out: Path
    now: datetime

    def write(self, told: Callable[[str], None]) -> None:
        """Write every page; each is told of by its address."""
        project = self.project
        self._copy_assets()
        self._page("index.html", "home.html", told, title="hirehouse")
        for kind, items in (
            ("events", project.events),
            ("models", project.by_page),
            ("metrics", project.metrics),
        ):
            self._page(f"{kind}/index.html", f"{kind}.html", told, title=kind.capitalize())
            for name, item in items.items():
                template = f"{kind[:-1]}.html"
                self._page(f"{kind}/{name}.html", template, told, title=name, it=item)
        self._page("boards/index.html", "boards.html", told, title="Boards")
        for board in project.boards:
            self._page(f"boards/{board.name}.html", "board.html", told, title=board.label, it=board)
        for group, marts in project.domains():
            name = group["name"]
            diagram = entity_diagram(project, marts, f"Entities of {name}")
            self._page(
                f"domains/{name}.html",
                "domain.html",
                told,
                title=name,
                it=group,
                marts=marts,
                diagram=Markup(diagram),
            )
        for name, text in properties(project).items():
            self._page(f"properties/{name}.html", "property.html", told, title=name, text=text)

    def _copy_assets(self) -> None:
        assets = self.out / "assets"
        assets.mkdir(parents=True, exist_ok=True)
        for path in (HERE / "assets").iterdir():
            shutil.copy(path, assets)
        columns = {
            id: {name: self.description(Column(id, name)) for name in self.columns(model)}
            for id, model in self.project.models.items()
        }
        index = orjson.dumps(search_index(self.project, columns)).decode()
        (assets / "search-index.js").write_text(f"window.searchIndex = {index};\n")

    def _page(self, path: str, template: str, told: Callable[[str], None], **values: Any) -> None:
        target = self.out / path
        target.parent.mkdir(parents=True, exist_ok=True)
        root = "../" * path.count("/")
        page = self._templates.get_template(template)
        target.write_text(page.render(root=root, path=path, **values), encoding="utf-8")
        told(path)

    @cached_property
    def _templates(self) -> jinja2.Environment:
        templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
        )
        templates.filters |= {
            "markdown": lambda text: Markup(MARKDOWN.render(text)),
            "inline": lambda text: Markup(MARKDOWN.renderInline(" ".join(text.split()))),
            "code": code,
            "number": number,
            "bytes": in_bytes,
            "cell": cell,
            "words": lambda text: text.replace("_", " "),
            "json": lambda value: Markup(orjson.dumps(value).decode().replace("<", "\\u003c")),
        }
        templates.globals |= {
            "site": self,
            "project": self.project,
            "facts": self.facts,
            "Column": Column,
            "snippets": snippets,
            "history": history,
            "carriers": carriers(self.project),
            "envelope": envelope(),
            "lineage_diagram": lambda model: Markup(lineage_diagram(self.project, model)),
        }
        return templates

    # What the templates ask for.

    def columns(self, model: Model) -> list[str]:
        """The names of a model's columns: as described, then what else it has."""
        found = dict.fromkeys(model.node["columns"])
        found |= dict.fromkeys(self.facts.types.get(model.id, ()))
        found |= dict.fromkeys(one.name for one in self.lineage.edges if one.unique_id == model.id)
        return list(found)

    def type_of(self, model: Model, column: str) -> str:
        stated = model.node["columns"].get(column, {}).get("data_type")
        return stated or self.facts.types.get(model.id, {}).get(column, "")

    def description(self, column: Column) -> str:
        """A column's own description, else that of the only column that it comes from."""
        manifest = self.project.manifest
        seen = set()
        while column not in seen:
            seen.add(column)
            node = manifest["nodes"].get(column.unique_id) or manifest["sources"][column.unique_id]
            if text := node["columns"].get(column.name, {}).get("description", ""):
                return str(text)
            sources = self.lineage.edges.get(column, ())
            if len(sources) != 1 or sources[0].name != column.name:
                break
            column = sources[0]
        return ""

    def tree(self, column: Column) -> list[Branch]:
        """What a column comes from, with what that comes from, and so on; each once."""
        seen: set[Column] = set()

        def branches(column: Column, depth: int) -> list[Branch]:
            found = [one for one in self.lineage.edges.get(column, ()) if one not in seen]
            seen.update(found)
            return [(one, branches(one, depth - 1) if depth else []) for one in found]

        return branches(column, DEEP)

    def origins(self, column: Column) -> list[Column]:
        known = column in self.lineage.edges
        return self.lineage.origins(column) if known else []

    def uses(self, column: Column) -> list[Column]:
        known = column in self.lineage.edges
        return self.lineage.uses(column) if known else []

    def direct_uses(self, column: Column) -> list[Column]:
        return [one for one in self.uses(column) if column in self.lineage.edges[one]]

    def users_of(self, name: str) -> list[tuple[Model, list[str]]]:
        """The models, marts first, with columns that come from a property of any event."""
        found: dict[str, set[str]] = {}
        for event in self.project.events.values():
            for one in self.uses(Column(event.id, name)):
                found.setdefault(one.unique_id, set()).add(one.name)
        order = ("marts", "intermediate", "staging", "seeds")
        models = [(self.project.models[id], sorted(names)) for id, names in found.items()]
        return sorted(models, key=lambda one: (order.index(one[0].layer), one[0].page))

    def where(self, column: Column) -> str:
        """The address of a column, from the site's folder."""
        page, _ = self.project.link(column.unique_id)
        return f"{page}#{column.name}" if page else ""

    def title(self, id: str) -> str:
        return self.project.link(id)[1]

    def feeds(self, id: str) -> tuple[list[Model], list[Metric], list[Board]]:
        """The marts, metrics and boards with a value that comes from a node's columns."""
        columns = {one for one in self.lineage.edges if one.unique_id == id}
        columns |= {use for column in columns for use in self.lineage.uses(column)}
        models = {column.unique_id for column in columns if column.unique_id != id}
        marts = [m for m in self.project.models.values() if m.layer == "marts" and m.id in models]

        def shows(chart: Chart) -> bool:
            return any(Column(chart.mart.id, name) in columns for name in chart.columns)

        metrics = [one for one in self.project.metrics.values() if shows(one.chart)]
        boards = [one for one in self.project.boards if any(map(shows, one.charts))]
        return marts, metrics, boards

    def owner(self, group: str) -> dict[str, str]:
        groups = self.project.groups
        owner: dict[str, str] = groups[group]["owner"] if group in groups else {"name": group}
        return owner

    def result(self, id: str) -> dict[str, Any]:
        """What the last build recorded of a node; empty if it was not part of it."""
        return self.results.get(id, {})

    @cached_property
    def results(self) -> dict[str, dict[str, Any]]:
        return {one["unique_id"]: one for one in self.build.get("results", ())}

    @cached_property
    def failed(self) -> dict[str, dict[str, Any]]:
        """What of the last build failed; neither a warning has, nor what was skipped after that."""
        fine = ("success", "pass", "no-op", "warn", "skipped")
        return {id: one for id, one in self.results.items() if one["status"] not in fine}

    @property
    def built_at(self) -> str:
        """When the last build ended, to the minute, UTC."""
        return str(self.build["metadata"]["generated_at"])[:16].replace("T", " ")

    def health(self, event: str, days: int = MONTH) -> dict[str, Any]:
        """An event's sums over the last days of the data, its days, and when it was last seen."""
        rows = self.facts.health.get(event, [])
        seen = [row["day"] for row in rows if row["landed"]]
        since = self.last_day - timedelta(days=days - 1) if self.last_day else date.min
        recent = [row for row in rows if row["day"] >= since]
        sums = {
            key: sum(int(row[key]) for row in recent)
            for key in ("landed", "failed", "late", "duplicates")
        }
        arrived = sums["landed"] + sums["failed"]
        shares = {
            f"{key}_share": sums[key] / arrived if arrived else 0
            for key in ("failed", "late", "duplicates")
        }
        opened = self.facts.failures.get(event, [])
        return (
            sums
            | shares
            | {
                "last": max(seen, default=None),
                "rows": rows,
                "open": sum(row["failures"] for row in opened),
            }
        )

    def boards_of(self, metric: Metric) -> list[Board]:
        """The boards with a chart of a metric."""
        boards = self.project.boards
        return [one for one in boards if metric.name in {chart.metric for chart in one.charts}]

    @cached_property
    def last_day(self) -> date | None:
        """The last day of the data, which clocks that run fast don't move."""
        day: date | None = self.facts.freshness.get("as_of")
        return day

    @property
    def late_share(self) -> float:
        """The share of all events of the last days that was late."""
        found = [self.health(event) for event in self.facts.health]
        landed = sum(one["landed"] for one in found)
        return sum(one["late"] for one in found) / landed if landed else 0

    def state(self, event: str) -> tuple[str, str]:
        """Whether an event is well, as a class and in words."""
        found = self.health(event)
        if not found["last"]:
            return "off", "never seen"
        if self.last_day and (self.last_day - found["last"]).days > 7:
            return "bad", f"not seen since {found['last']}"
        if found["open"]:
            return "warn", f"{number(found['open'])} open failures"
        return "good", "healthy"

    def volume(self, event: str) -> dict[str, Any]:
        """A chart of an event's days."""
        mart = self.project.mart("event_health_daily")
        sums = {"landed": "sum(landed_count)", "failed": "sum(failed_count)"}
        chart = Chart("Events by day of arrival", mart, sums, x="known_on", mark="bar")
        rows = self.facts.health.get(event, [])
        days = [{"x": row["day"], "y0": row["landed"], "y1": row["failed"]} for row in rows]
        return vega(chart, days)

    def chart(self, chart: Chart) -> dict[str, Any]:
        return vega(chart, self.facts.charts.get(chart.sql, []))

    def series(self, metric: Metric) -> list[float]:
        rows = self.facts.charts.get(metric.chart.sql, [])
        return [float(row["y0"]) for row in rows if row["y0"] is not None]

    def spark(self, metric: Metric) -> Markup:
        return Markup(sparkline(self.series(metric)))

    def latest(self, metric: Metric) -> str:
        """The last whole period's value of a metric, as its chart formats it."""
        values = self.series(metric)
        if not values:
            return NONE
        value = values[-2] if metric.chart.by_time and len(values) > 1 else values[-1]
        return f"{value:.1%}" if metric.chart.format == "percent" else number(round(value, 1))

    def table(self, chart: Chart) -> tuple[list[str], list[Row]]:
        """The rows of a chart with their heads."""
        heads = [chart.x or "", *([chart.color] if chart.color else []), *chart.y]
        rows = self.facts.charts.get(chart.sql, [])
        return heads, [{name: plain(value) for name, value in row.items()} for row in rows]


def number(value: Any) -> str:
    """A number with separators, as short as it can be."""
    if value is None:
        return NONE
    if isinstance(value, float | Decimal):
        return f"{value:,.2f}".rstrip("0").rstrip(".")
    return f"{value:,}" if isinstance(value, int) else str(value)


def in_bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{size:,.0f} {unit}" if size >= 10 or unit == "B" else f"{size:,.1f} {unit}"


def cell(value: Any) -> str:
    """A value of an example row."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return (
            value.astimezone(UTC).replace(tzinfo=None).isoformat(" ")
            if value.tzinfo
            else value.isoformat(" ")
        )
    return str(plain(value)) if isinstance(value, date) else str(value)


def code(text: str, language: str) -> Markup:
    """Text with its syntax in classes of assets/site.css."""
    lexer = get_lexer_by_name(language, stripall=True)
    return Markup(highlight(text, lexer, HtmlFormatter(cssclass="code", wrapcode=True)))
