"""Charts of marts and metrics: what a board's YAML says, the SQL of the rows, and the drawing.

SQL counts; a chart is drawn by Vega-Lite in the browser (https://vega.github.io/vega-lite/docs/).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from hirehouse.contracts.errors import ExpectedError

if TYPE_CHECKING:
    from docs_site.project import Metric, Model

MARKS = ("line", "bar", "area", "grouped")
FORMATS = {"number": ",.6~r", "percent": ".1%", "amount": ",.0f"}
WORDS = ("title", "note", "mart", "metric", "mark", "x", "y", "color", "where", "format")
SHORT = ("mrr", "arr", "gmv")
SERIES = 8  # that eyes tell apart
BARS = 15
BAR = 18  # pixels
DOTS = 40  # points of a line that can be told apart
PERIODS = re.compile(r"week|month")
TIMES = re.compile(r"_(at|on|day|week|month|start)\b|date_trunc", re.IGNORECASE)
SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
Row = Mapping[str, Any]


class ChartError(ExpectedError):
    """A chart that shows what is not there; the message names the board, the chart and the rule."""


@dataclass(frozen=True)
class Chart:
    """A chart of one mart.

    Args:
        y: what is drawn by its name: an aggregate of the mart's columns, in SQL.
        x: a column or expression of the mart; empty for one value.
        color: a column whose values are drawn apart; only with one y.
    """

    title: str
    mart: Model
    y: dict[str, str]
    x: str = ""
    color: str = ""
    where: str = ""
    mark: str = "line"
    format: str = "number"
    note: str = ""
    metric: str = ""

    @property
    def by_time(self) -> bool:
        return bool(TIMES.search(self.x))

    @property
    def sql(self) -> str:
        """The rows of the chart: x, color and one column per y."""
        keys = {"x": self.x or "'all'"} | ({"color": self.color} if self.color else {})
        values = {f"y{n}": value for n, value in enumerate(self.y.values())}
        columns = ",\n".join(f"    {sql} as {name}" for name, sql in (keys | values).items())
        wheres = [f"({self.where})"] if self.where else []
        wheres += [f"{self.x} is not null"] if self.x else []
        where = f"where {' and '.join(wheres)}\n" if wheres else ""
        places = ", ".join(str(n + 1) for n in range(len(keys)))
        stated = self.mart.node["columns"].get(self.x, {}).get("data_type", "")
        by_x = self.by_time or self.color or stated in ("integer", "bigint")
        order = places if by_x else f"{len(keys) + 1} desc, 1"
        limit = "" if by_x else f"\nlimit {BARS}"
        return (
            f"select\n{columns}\nfrom {self.mart.relation}\n{where}"
            f"group by {places}\norder by {order}{limit}"
        )

    @cached_property
    def columns(self) -> set[str]:
        """The columns of the mart that it reads.

        Raises:
            SqlglotError: an expression is no SQL.
        """
        parts = [self.x, self.color, self.where, *self.y.values()]
        return {
            column.name
            for part in filter(None, parts)
            for column in sqlglot.parse_one(part).find_all(exp.Column)
        }


def read_charts(
    where: str,
    charts: Sequence[dict[str, Any]],
    marts: Mapping[str, Model],
    metrics: Mapping[str, Metric],
) -> Iterator[Chart]:
    """The charts of a board.

    Args:
        where: file and board, for errors.
        charts: what stands under `config.meta.charts` of the exposure.
        marts: those that the exposure depends on, by name.

    Raises:
        ChartError: a word, mart, metric or column that there is not.
    """
    for number, stated in enumerate(charts, start=1):
        words: dict[str, Any] = {
            k: " ".join(v.split()) if isinstance(v, str) else v for k, v in stated.items()
        }
        at = f"{where}: chart {words.get('title', number)!r}"
        if unknown := [word for word in words if word not in WORDS]:
            raise ChartError(f"{at}: unknown word {unknown[0]!r}, only {', '.join(WORDS)}")
        if name := words.pop("metric", None):
            if name not in metrics:
                raise ChartError(f"{at}: there is no metric {name!r}")
            if "mart" in words:
                raise ChartError(f"{at}: a chart is of a mart or of a metric, which has its mart")
            chart = replace(metrics[name].chart, **words)
            if chart.mart.node["name"] not in marts:
                mart = chart.mart.node["name"]
                raise ChartError(f"{at}: add ref('{mart}') to depends_on: {name} must equal it")
        else:
            mart = str(words.pop("mart", ""))
            if mart not in marts:
                raise ChartError(f"{at}: no mart {mart!r} in depends_on, only {', '.join(marts)}")
            try:
                chart = Chart(mart=marts[mart], **words)
            except TypeError as error:
                raise ChartError(f"{at}: {str(error).partition(' ')[2]}") from error
        check(chart, at)
        yield chart


def check(chart: Chart, at: str) -> None:
    """ChartError if a mark, format or column of a chart does not exist."""
    if chart.mark not in MARKS or chart.format not in FORMATS:
        raise ChartError(
            f"{at}: mark is one of {', '.join(MARKS)}, and format of {', '.join(FORMATS)}"
        )
    if not chart.y or not all(isinstance(sql, str) for sql in chart.y.values()):
        raise ChartError(
            f"{at}: y is a name and its SQL each; put SQL with a comma on its own line"
        )
    if chart.color and len(chart.y) > 1:
        raise ChartError(f"{at}: color tells the rows of one y apart; there are {len(chart.y)}")
    try:
        missing = chart.columns - chart.mart.node["columns"].keys()
    except SqlglotError as error:
        raise ChartError(f"{at}: no SQL: {str(error).splitlines()[0]}") from error
    if missing:
        name = chart.mart.node["name"]
        raise ChartError(f"{at}: {name} has no column {', '.join(sorted(missing))}")


def metric_chart(node: dict[str, Any], mart: Model) -> Chart:
    """The chart of a metric: that of the mart that it must equal."""
    equals, name = node["config"]["meta"]["equals"], node["name"]
    percent = name.endswith(("_ratio", "_rate", "_retention"))
    return Chart(
        title=in_words(name),
        mart=mart,
        x=equals.get("time", ""),
        y={in_words(name): equals["value"]},
        format="percent" if percent else "number",
        metric=name,
    )


def in_words(name: str) -> str:
    """The name of a metric as a title."""
    words = [w.upper() if w in SHORT else w for w in name.split("_")]
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]])


def vega(chart: Chart, rows: Sequence[Row]) -> dict[str, Any]:
    """A chart as Vega-Lite, with its rows in it: times along, names downwards."""
    values = points(chart, rows)
    series = list(dict.fromkeys(value["series"] for value in values))
    number = FORMATS[chart.format]
    long = len(values) > DOTS * len(series)
    mark = {"type": chart.mark} | (
        {"point": {"size": 24}} if chart.mark == "line" and not long else {}
    )
    counts = {
        "field": "y",
        "type": "quantitative",
        "title": None,
        "axis": {"format": number, "tickCount": 5},
        "stack": "zero" if chart.mark in ("bar", "area") else None,
    }
    if chart.by_time:
        keys: dict[str, Any] = {"field": "x", "timeUnit": "utcyearmonthdate"}
        axis = {"format": "%-d %b", "labelOverlap": True, "tickCount": 8, "grid": False}
        # A bar is as wide as its week or month only where these are names on the axis.
        names = chart.mark == "bar" and PERIODS.search(chart.x)
        kind: dict[str, Any] = (
            {"type": "ordinal"} if names else {"type": "temporal", "scale": {"type": "utc"}}
        )
        axis |= {"labelAngle": 0} if names else {}
        places = {"x": keys | kind | {"title": None, "axis": axis}, "y": counts}
        told = keys | {"type": "temporal", "title": "day"}
        height = 220
    else:
        keys = {"field": "x", "type": "nominal"}
        axis = {"labelLimit": 180, "ticks": False, "domain": False}
        places = {"y": keys | {"title": None, "sort": None, "axis": axis}, "x": counts}
        told = keys | {"title": chart.x.replace("_", " ")}
        bars = len({value["x"] for value in values}) * (
            len(series) if chart.mark == "grouped" else 1
        )
        height = max(bars * BAR, 60)
        if chart.mark == "grouped":
            places["yOffset"] = {"field": "series", "sort": series}
    if chart.mark == "grouped":
        mark = {"type": "bar"}
    legend = {"orient": "top", "title": None, "columns": 3, "labelLimit": 180}
    color = {
        "field": "series",
        "type": "nominal",
        "sort": series,
        "legend": legend if len(series) > 1 else None,
    }
    tooltip = [
        told,
        {"field": "series", "type": "nominal", "title": chart.color.replace("_", " ") or "what"},
        {"field": "y", "type": "quantitative", "title": "value", "format": number},
    ]
    return {
        "$schema": SCHEMA,
        "description": f"{chart.title}. {chart.note}".strip(),
        "width": "container",
        "height": height,
        "data": {"values": values},
        "mark": mark,
        "encoding": places | {"color": color, "tooltip": tooltip},
    }


def points(chart: Chart, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """One entry per point: x, series and y; of many series the largest, the rest left out."""
    found = [
        {"x": plain(row["x"]), "series": str(row["color"] if chart.color else name), "y": value}
        for row in rows
        for n, name in enumerate(chart.y)
        if (value := plain(row[f"y{n}"])) is not None
    ]
    sums: dict[str, float] = {}
    for point in found:
        sums[point["series"]] = sums.get(point["series"], 0) + abs(point["y"])
    if chart.color:
        kept = sorted(sums, key=lambda name: (-sums[name], name))[:SERIES]
        found = [point for point in found if point["series"] in kept]
    return found


def plain(value: Any) -> Any:
    """A value of a database as JSON has it."""
    if isinstance(value, datetime | date):
        return value.isoformat()[:10]
    if not isinstance(value, Decimal | float):
        return value
    # Engines differ in the last digits, and in whether a sum is an integer.
    number = round(float(value), 6)
    return int(number) if number.is_integer() else number


def sparkline(values: Sequence[float], *, width: int = 160, height: int = 36) -> str:
    """A line through values, as SVG; empty for fewer than two."""
    if len(values) < 2:
        return ""
    low, high = min(values), max(values)
    span = (high - low) or 1
    step = (width - 4) / (len(values) - 1)
    ys = [height - 3 - (value - low) / span * (height - 6) for value in values]
    line = " ".join(f"{2 + n * step:.1f},{y:.1f}" for n, y in enumerate(ys))
    return (
        f'<svg class="sparkline" viewBox="0 0 {width} {height}" aria-hidden="true">'
        f'<polyline points="{line}"/><circle cx="{width - 2}" cy="{ys[-1]:.1f}" r="2.5"/></svg>'
    )
