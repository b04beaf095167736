"""The index that the search box of the site looks in."""

from __future__ import annotations

from collections import defaultdict

from docs_site.project import Model, Project

LETTERS = 110  # of a description


def search_index(project: Project, columns: dict[str, dict[str, str]]) -> list[dict[str, str]]:
    """What can be found: kind, name, page, description and synonyms (k, n, u, d, s).

    Args:
        columns: per model's id its columns with their descriptions.
    """
    found = []

    def add(kind: str, name: str, page: str, text: str, synonyms: str = "") -> None:
        entry = {"k": kind, "n": name, "u": page, "d": cut(text)}
        found.append(entry | ({"s": synonyms} if synonyms else {}))

    for metric in project.metrics.values():
        words = ", ".join(metric.synonyms)
        add("metric", metric.name, f"metrics/{metric.name}.html", metric.description, words)
    for table, event in project.events.items():
        add("event", table, f"events/{table}.html", event.contract.description)
    for board in project.boards:
        add("board", board.label, f"boards/{board.name}.html", board.description)
    for model in project.models.values():
        kind = {"marts": "mart", "seeds": "seed"}.get(model.layer, "model")
        add(kind, model.page, f"models/{model.page}.html", model.description)
    for name, text in properties(project).items():
        add("property", name, f"properties/{name}.html", text)
    for model in marts(project):
        for name, text in columns[model.id].items():
            add("column", f"{model.page}.{name}", f"models/{model.page}.html#{name}", text)
    return found


def properties(project: Project) -> dict[str, str]:
    """The properties of all events, with the first description of each."""
    found: dict[str, str] = {}
    for event in project.events.values():
        for column in event.contract.columns:
            found.setdefault(column.name, column.description)
    return dict(sorted(found.items()))


def carriers(project: Project) -> dict[str, list[str]]:
    """The tables of the events that have a property."""
    found: dict[str, list[str]] = defaultdict(list)
    for table, event in project.events.items():
        for column in event.contract.columns:
            found[column.name].append(table)
    return found


def marts(project: Project) -> list[Model]:
    return [model for model in project.models.values() if model.layer == "marts"]


def cut(text: str) -> str:
    """The start of a text, whole words."""
    text = " ".join(text.split())
    return text if len(text) <= LETTERS else text[:LETTERS].rpartition(" ")[0] + " …"
