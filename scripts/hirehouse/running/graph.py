"""The graph of the models: what has to be built when landed tables got rows."""

from __future__ import annotations

from typing import Any

import networkx

FACTS_AND_DIMENSIONS = ("fct_", "dim_")
BATCHES = "model.hirehouse.stg_landing__batches"


class Graph:
    """What has to be built anew when raw tables got rows."""

    def __init__(self, manifest: Any) -> None:
        manifest.build_parent_and_child_maps()
        made = {i: n for i, n in manifest.nodes.items() if n.resource_type in ("model", "seed")}
        self.names = {i: str(n.name) for i, n in made.items()}
        self.progress = f"{made[BATCHES].schema}.model_progress"
        self.kinds = {i: str(n.config.materialized) for i, n in made.items()}
        self.children = {i: [c for c in manifest.child_map[i] if c in made] for i in made}
        sources = {i: {str(source.identifier)} for i, source in manifest.sources.items()}
        self.reads = {
            i: set[str]().union(*(sources.get(s, ()) for s in n.depends_on_nodes))
            for i, n in made.items()
        }
        self.below = networkx.DiGraph(self.children)
        told = {i for i, name in self.names.items() if name.startswith(FACTS_AND_DIMENSIONS)}
        self.aside = {i for i in self.everything() if not told & self.hanging_on({i})}
        # A model must not run ahead of what it reads, so it takes its turn with that.
        related = networkx.Graph({i: self.children[i] for i in self.aside})
        self.families = [family & self.aside for family in networkx.connected_components(related)]

    def everything(self) -> set[str]:
        return {i for i, kind in self.kinds.items() if kind != "ephemeral"}

    def touched(self, tables: set[str]) -> set[str]:
        """What tells of these landed tables; views change with the project alone."""
        found: set[str] = set()
        todo = [node for node, reads in self.reads.items() if reads & tables]
        while todo:
            node = todo.pop()
            if node in found:
                continue
            found.add(node)
            # All events hang on the batches, but only those of touched tables have new rows.
            skip = self.reads if "batches" in self.reads[node] else {}
            todo += [child for child in self.children[node] if not skip.get(child)]
        return {i for i in found if self.kinds[i] != "view"} & self.everything()

    def hanging_on(self, nodes: set[str]) -> set[str]:
        """These and all that is made of them."""
        return nodes.union(*(networkx.descendants(self.below, node) for node in nodes))
