"""The models of a parsed project: where they are, and what they read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Model:
    """A model that dbt builds: its id, where it is, and the models that it reads."""

    id: str
    schema: str
    alias: str
    is_view: bool
    shows_arrival: bool
    reads: frozenset[str]

    @property
    def table(self) -> str:
        return f"{self.schema}.{self.alias}"


def models_of(manifest: Any, only: Sequence[str] = ()) -> dict[str, Model]:
    """Every model that dbt builds, so that a new one is compared by itself.

    Args:
        manifest: dbt's.
        only: names of models; these and all that they read are taken, and every one if empty.

    Returns:
        By the name of its relation, each after all that it reads.
    """
    nodes = {
        key: node
        for key, node in manifest.nodes.items()
        if node.resource_type in ("model", "snapshot") and node.config.materialized != "ephemeral"
    }
    found: dict[str, Model] = {}

    def take(key: str) -> None:
        node = nodes.get(key)
        if node and node.alias not in found:  # versions of a model share its name
            reads = [read for read in sorted(node.depends_on.nodes) if read in nodes]
            for read in reads:
                take(read)
            found[node.alias] = Model(
                key,
                node.schema,
                node.alias,
                node.config.materialized == "view",
                not {"landing", "operations"}.isdisjoint(node.fqn),
                frozenset(nodes[read].alias for read in reads),
            )

    for key, node in sorted(nodes.items()):
        if not only or node.name in only:
            take(key)
    return found


def ends_of(manifest: Any) -> list[str]:
    """The names of the models that no other one reads, in order."""
    models = {i: n for i, n in manifest.nodes.items() if n.resource_type == "model"}
    read = {i for node in models.values() for i in node.depends_on.nodes}
    return sorted(node.name for i, node in models.items() if i not in read)
