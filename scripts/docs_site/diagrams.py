"""Diagrams as SVG: the models around one, and the entities of a domain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from html import escape

import networkx as nx

from docs_site.project import Model, Project

ROW, GAP, CHARACTER, PADDING = 26, 8, 6.6, 20  # pixels
NEAR = 2  # steps that a model's diagram goes up and down
MOST = 40  # boxes that fit on a page


def lineage_diagram(project: Project, model: Model) -> str:
    """The nodes up to NEAR steps before and after a model, or fewer where they are many."""
    for steps in range(NEAR, 0, -1):
        graph = nx.DiGraph()
        graph.add_node(model.id)
        for before in (True, False):
            edge = [model.id]
            for _ in range(steps):
                found = [(id, other) for id in edge for other in near(project, id, before)]
                graph.add_edges_from((other, id) if before else (id, other) for id, other in found)
                edge = list(dict.fromkeys(other for _, other in found))
        if len(graph) <= MOST or steps == 1:
            break

    def box(id: str) -> tuple[str, str, str]:
        link, title = project.link(id)
        layer = project.models[id].layer if id in project.models else "events"
        return title, f"../{link}" if link else "", layer + (" here" if id == model.id else "")

    return draw(graph, box, f"Lineage of {model.page}")


def near(project: Project, id: str, before: bool) -> Iterable[str]:
    if id not in project.models:
        return ()
    model = project.models[id]
    return model.parents if before else model.children


def entity_diagram(project: Project, marts: Sequence[Model], title: str) -> str:
    """The marts of a domain, and by which keys they refer to each other and to other marts."""
    owners = project.keys()
    graph = nx.DiGraph()
    labels: dict[tuple[str, str], str] = {}
    for model in marts:
        for column in model.node["columns"]:
            owner = owners.get(column)
            if owner and owner.page != model.page and not owner.page.startswith(model.page):
                graph.add_edge(owner.id, model.id)
                labels.setdefault((owner.id, model.id), column)
    inside = {model.domain for model in marts}

    def box(id: str) -> tuple[str, str, str]:
        model = project.models[id]
        layer = "marts" if model.domain in inside else "seeds"
        return model.page, f"../models/{model.page}.html", layer

    return draw(graph, box, title, labels) if graph else ""


def draw(
    graph: nx.DiGraph,
    box: Callable[[str], tuple[str, str, str]],
    title: str,
    labels: Mapping[tuple[str, str], str] | None = None,
) -> str:
    """A graph in columns, from left to right.

    Args:
        box: per node its title, address and classes.
        labels: per edge what a pointer on it shows.
    """
    if not nx.is_directed_acyclic_graph(graph):
        graph = nx.DiGraph(nx.dfs_edges(graph))
    columns = [sorted(names) for names in nx.topological_generations(graph)]
    arrange(graph, columns)
    place: dict[str, tuple[float, float, float]] = {}
    x = 1.0
    tallest = max(map(len, columns)) * (ROW + GAP)
    for names in columns:
        width = max(len(box(name)[0]) for name in names) * CHARACTER + PADDING
        y = (tallest - len(names) * (ROW + GAP)) / 2 + GAP / 2
        for name in names:
            place[name] = (x, y, width)
            y += ROW + GAP
        x += width + 56
    parts = []
    for one, other in graph.edges:
        (x1, y1, w1), (x2, y2, _) = place[one], place[other]
        a, b = x1 + w1, y1 + ROW / 2
        d = y2 + ROW / 2
        tip = f"<title>{escape(labels[one, other])}</title>" if labels else ""
        parts.append(
            f'<path d="M{a:.0f},{b:.0f} C{a + 28:.0f},{b:.0f} {x2 - 28:.0f},{d:.0f} '
            f'{x2:.0f},{d:.0f}">{tip}</path>'
        )
    for name, (x1, y1, w1) in place.items():
        text, link, classes = box(name)
        shape = (
            f'<rect x="{x1:.0f}" y="{y1:.0f}" width="{w1:.0f}" height="{ROW}" rx="5"/>'
            f'<text x="{x1 + w1 / 2:.0f}" y="{y1 + 17:.0f}">{escape(text)}</text>'
        )
        group = f'<g class="{classes}">{shape}</g>'
        parts.append(f'<a href="{escape(link)}">{group}</a>' if link else group)
    wide, high = f"{x - 50:.0f}", f"{tallest + 2:.0f}"
    return (
        f'<svg class="diagram" role="group" aria-label="{escape(title)}" width="{wide}" '
        f'height="{high}" viewBox="0 0 {wide} {high}">{"".join(parts)}</svg>'
    )


def arrange(graph: nx.DiGraph, columns: list[list[str]]) -> None:
    """Order the columns so that fewer edges cross: each node near the middle of its neighbours.

    Source: the barycenter heuristic of Sugiyama, Tagawa and Toda (1981).
    """
    rank = {name: n / len(names) for names in columns for n, name in enumerate(names)}

    def middle(name: str, near: Callable[[str], Iterable[str]]) -> float:
        ranks = [rank[other] for other in near(name)]
        return sum(ranks) / len(ranks) if ranks else rank[name]

    for turn in range(6):
        near = graph.predecessors if turn % 2 == 0 else graph.successors
        for names in columns:
            names.sort(key=partial(middle, near=near))
            rank |= {name: n / len(names) for n, name in enumerate(names)}
