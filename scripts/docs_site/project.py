"""What the site shows of the project: dbt's manifest and the contracts, ordered for its pages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from docs_site.charts import Chart, in_words, metric_chart, read_charts
from hirehouse.contracts.model import Contract

Node = dict[str, Any]
LAYERS = ("events", "seeds", "staging", "intermediate", "marts")


@dataclass(frozen=True)
class Metric:
    """A metric, with its definition in words and as a formula."""

    name: str
    label: str
    description: str
    group: str
    kind: str  # simple, ratio, derived or cumulative
    formula: str
    filter: str
    inputs: tuple[str, ...]  # names of metrics
    dimensions: tuple[str, ...]  # as `mf query --group-by` takes them
    synonyms: tuple[str, ...]
    model: str  # page of the model that it reads; empty if it combines metrics
    chart: Chart  # of the mart that it must equal


@dataclass(frozen=True)
class Board:
    """A dashboard: an exposure with charts."""

    name: str
    label: str
    description: str
    owner: str
    email: str
    maturity: str
    marts: tuple[str, ...]  # pages of models
    charts: tuple[Chart, ...]


@dataclass
class Model:
    """A model or a seed."""

    page: str
    node: Node
    layer: str
    domain: str
    parents: list[str] = field(default_factory=list)  # unique ids of models, seeds and sources
    children: list[str] = field(default_factory=list)
    tests: list[Node] = field(default_factory=list)

    @property
    def id(self) -> str:
        return str(self.node["unique_id"])

    @property
    def relation(self) -> str:
        """Its schema and name, without the database, whose name may change."""
        return f"{self.node['schema']}.{self.node['alias']}"

    @property
    def description(self) -> str:
        return str(self.node["description"]).strip()


@dataclass(frozen=True)
class Event:
    """An event as its contract describes it."""

    contract: Contract
    id: str  # of the source table
    earlier: tuple[str, ...]  # tables of other versions


class Project:
    """The project by pages.

    Args:
        manifest: the content of dbt's manifest.json.
        contracts: by event and version.

    Raises:
        ChartError: a board shows what is not there.
    """

    def __init__(self, manifest: Node, contracts: dict[tuple[str, int], Contract]) -> None:
        self.manifest = manifest
        nodes = manifest["nodes"].values()
        self.models = {
            node["unique_id"]: Model(page_of(node), node, layer_of(node), domain_of(node))
            for node in sorted(nodes, key=lambda node: str(node["name"]))
            if node["resource_type"] in ("model", "seed")
        }
        self.by_page = {model.page: model for model in self.models.values()}
        for id, model in self.models.items():
            model.parents = [p for p in manifest["parent_map"][id] if self.is_data(p)]
            model.children = [c for c in manifest["child_map"][id] if c in self.models]
        for node in nodes:
            if node["resource_type"] == "test" and node.get("attached_node") in self.models:
                self.models[node["attached_node"]].tests.append(node)
        tables = {source["name"]: id for id, source in manifest["sources"].items()}
        self.events = {
            contract.table: Event(
                contract,
                tables[contract.table],
                tuple(c.table for c in contracts.values() if c.event == event and c != contract),
            )
            for (event, _), contract in sorted(contracts.items())
        }
        self.event_pages = {event.id: table for table, event in self.events.items()}
        self.groups = {group["name"]: group for group in manifest["groups"].values()}
        self.metrics = {m["name"]: self._metric(m) for m in manifest["metrics"].values()}
        self.boards = [self._board(e) for _, e in sorted(manifest["exposures"].items())]

    def is_data(self, id: str) -> bool:
        return id in self.models or id in self.manifest["sources"]

    def domains(self) -> list[tuple[Node, list[Model]]]:
        """The groups that have marts, with these."""
        found = []
        for name, group in self.groups.items():
            marts = [m for m in self.models.values() if (m.layer, m.domain) == ("marts", name)]
            if marts:
                found.append((group, marts))
        return found

    def mart(self, name: str) -> Model:
        """The model that a name stands for, of a versioned one the latest; KeyError."""
        for model in self.models.values():
            if model.node["name"] == name and latest(model.node):
                return model
        raise KeyError(name)

    def link(self, id: str) -> tuple[str, str]:
        """The page of a model, seed, source or metric, from the site's folder, and its title."""
        if id in self.models:
            page = self.models[id].page
            return f"models/{page}.html", page
        if id in self.event_pages:
            return f"events/{self.event_pages[id]}.html", self.event_pages[id]
        return "", id.rpartition(".")[2]

    def downstream(self, id: str) -> list[str]:
        """Everything that depends on a node, directly or not, in the manifest's order."""
        found: dict[str, None] = {}
        waiting = [id]
        while waiting:
            for child in self.manifest["child_map"].get(waiting.pop(), ()):
                if child not in found:
                    found[child] = None
                    waiting.append(child)
        return list(found)

    @cached_property
    def matters(self) -> list[Metric]:
        """The metrics of the review of the week, which the home page shows."""
        queries = self.manifest["saved_queries"].values()
        names = [
            name
            for query in queries
            if query["name"] == "weekly_business_review"
            for name in query["query_params"]["metrics"]
        ]
        return [self.metrics[name] for name in names]

    def keys(self) -> dict[str, Model]:
        """The mart that a key belongs to: a dimension or fact with one row per value of it."""
        owners: dict[str, Model] = {}
        marts = [m for m in self.models.values() if m.layer == "marts" and latest(m.node)]
        # A dimension before a fact, and a fact before an aggregate that has the key, too.
        for model in sorted(marts, key=lambda m: ("dim_", "fct_", "").index(prefix(m.page))):
            for test in model.tests:
                column = test.get("column_name") or ""
                metadata = test.get("test_metadata") or {}
                if metadata.get("name") == "unique" and column.endswith("_id"):
                    owners.setdefault(column, model)
        return owners

    def _metric(self, node: Node) -> Metric:
        meta = node["config"]["meta"]
        semantic = self.manifest["semantic_models"]
        bases = [id for id in self._inputs(node["unique_id"]) if id in semantic]
        formula, inputs = formula_of(node)
        model = ""
        if formula and not inputs:
            model = self.models[semantic[bases[0]]["depends_on"]["nodes"][0]].page
        where = ((node.get("filter") or {}).get("where_filters")) or []
        dimensions = [dimensions_of(semantic[id]) for id in bases]
        return Metric(
            name=node["name"],
            label=in_words(node["name"]),
            description=" ".join(node["description"].split()),
            group=node["config"]["group"] or node["group"] or "",
            kind=node["type"],
            formula=formula,
            filter=" and ".join(one["where_sql_template"] for one in where),
            inputs=tuple(inputs),
            dimensions=tuple(d for d in dimensions[0] if all(d in other for other in dimensions)),
            synonyms=tuple(meta.get("synonyms", ())),
            model=model,
            chart=metric_chart(node, self.mart(meta["equals"]["model"])),
        )

    def _inputs(self, id: str) -> Iterable[str]:
        for parent in self.manifest["parent_map"].get(id, ()):
            yield parent
            if parent.startswith("metric."):
                yield from self._inputs(parent)

    def _board(self, node: Node) -> Board:
        marts = [self.models[id] for id in node["depends_on"]["nodes"] if id in self.models]
        where = f"{node['original_file_path']}: {node['name']}"
        return Board(
            name=node["name"],
            label=node["label"] or node["name"],
            description=node["description"],
            owner=node["owner"]["name"],
            email=node["owner"]["email"],
            maturity=node["maturity"] or "",
            marts=tuple(model.page for model in marts),
            charts=tuple(
                read_charts(
                    where,
                    node["config"]["meta"].get("charts", []),
                    {model.node["name"]: model for model in marts if latest(model.node)},
                    self.metrics,
                )
            ),
        )


def formula_of(node: Node) -> tuple[str, list[str]]:
    """How a metric is computed, and the metrics that it is computed from."""
    params = node["type_params"]
    inputs = [one["name"] for one in params["metrics"] or []]
    match node["type"]:
        case "ratio":
            inputs = [params["numerator"]["name"], params["denominator"]["name"]]
            return " / ".join(inputs), inputs
        case "derived":
            return params["expr"], inputs
        case "conversion":
            conversion = params["conversion_type_params"]
            inputs = [conversion[which]["name"] for which in ("conversion_metric", "base_metric")]
            return f"{inputs[0]} within {span(conversion['window'])} / {inputs[1]}", inputs
        case "cumulative":
            inputs = [params["cumulative_type_params"]["metric"]["name"]]
            window = params["cumulative_type_params"].get("window")
            since = f"the last {span(window)}" if window else "the start"
            return f"sum of {inputs[0]} since {since}", inputs
        case _:
            aggregation = params["metric_aggregation_params"]
            return f"{aggregation['agg']}({params['expr']})", []


def span(window: Node) -> str:
    return f"{window['count']} {window['granularity']}s"


def dimensions_of(semantic: Node) -> list[str]:
    """The dimensions of a semantic model as MetricFlow names them."""
    entity = semantic.get("primary_entity") or next(
        (one["name"] for one in semantic["entities"] if one["type"] == "primary"), ""
    )
    return [f"{entity}__{one['name']}" for one in semantic["dimensions"]]


def page_of(node: Node) -> str:
    return f"{node['name']}_v{node['version']}" if node.get("version") else str(node["name"])


def latest(node: Node) -> bool:
    return not node.get("version") or bool(node["version"] == node["latest_version"])


def layer_of(node: Node) -> str:
    return "seeds" if node["resource_type"] == "seed" else str(node["fqn"][1])


def domain_of(node: Node) -> str:
    return "reference" if node["resource_type"] == "seed" else str(node["fqn"][2])


def prefix(name: str) -> str:
    return next((start for start in ("dim_", "fct_") if name.startswith(start)), "")
