"""The graph of the models: what to build after rows have landed."""

from typing import Any

import networkx

FACTS_AND_DIMENSIONS = ("fct_", "dim_")
BATCHES = "model.hirehouse.stg_landing__batches"


class Graph:
    """Finds the models to build after rows have landed in some tables."""

    def __init__(self, manifest: Any) -> None:
        manifest.build_parent_and_child_maps()
        made = {i: n for i, n in manifest.nodes.items() if n.resource_type in ("model", "seed")}
        # As model_progress names them: versions of a model are models of their own.
        self.names = {i: i.split(".", 2)[2] for i in made}
        self.progress = f"{made[BATCHES].schema}.model_progress"
        self.kinds = {i: str(n.config.materialized) for i, n in made.items()}
        self.children = {i: [c for c in manifest.child_map[i] if c in made] for i in made}
        sources = {i: {str(source.identifier)} for i, source in manifest.sources.items()}
        self.reads = {
            i: set[str]().union(*(sources.get(s, ()) for s in n.depends_on_nodes))
            for i, n in made.items()
        }
        self.below = networkx.DiGraph(self.children)
        # A fact that is a table is computed as a whole, and waits as aggregates do.
        whole = {i for i, n in made.items() if self.kinds[i] == "table" and n.depends_on_nodes}
        named = {i for i, name in self.names.items() if name.startswith(FACTS_AND_DIMENSIONS)}
        facts = named - whole
        self.deferrable = {i for i in self.everything() if not facts & self.with_descendants({i})}
        # A model must not be ahead of its inputs, so each is built with those that can wait, too.
        ends = [i for i in self.deferrable if not self.deferrable & set(self.children[i])]
        self.turns = [{end} | self.deferrable & networkx.ancestors(self.below, end) for end in ends]

    def everything(self) -> set[str]:
        return {i for i, kind in self.kinds.items() if kind != "ephemeral"}

    def touched(self, tables: set[str]) -> set[str]:
        """The models that depend on these landed tables, except views, which hold no rows."""
        found: set[str] = set()
        todo = [node for node, reads in self.reads.items() if reads & tables]
        while todo:
            node = todo.pop()
            if node in found:
                continue
            found.add(node)
            # All events depend on the batches, but only those of touched tables have new rows.
            skip = self.reads if "batches" in self.reads[node] else {}
            todo += [child for child in self.children[node] if not skip.get(child)]
        return {i for i in found if self.kinds[i] != "view"} & self.everything()

    def with_descendants(self, nodes: set[str]) -> set[str]:
        """These nodes and everything downstream."""
        return nodes.union(*(networkx.descendants(self.below, node) for node in nodes))
