"""The project as dbt has parsed it once per engine, for each warehouse of a test run.

The parsed project is kept under target/tests/ until one of its files changes, for all processes of
this test run and for the next runs: a parse costs 13 seconds, and reading it again half a second.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from dbt.constants import PARTIAL_PARSE_FILE_NAME
from dbt.contracts.graph.manifest import Manifest
from dbt.parser.manifest import ManifestLoader, extended_mashumuro_decoder

from hirehouse.contracts.model import ROOT
from hirehouse.running.warm_dbt import WarmDbt

KEPT = ROOT / "target" / "tests"
UNUSED = 3_600  # seconds, after which no test run still reads what another state had
FOLDERS = ("models", "macros", "seeds", "tests/generic", "tests/singular")
# The variables that name the database of a target.
DATABASES = {
    "duckdb": "HIREHOUSE_DUCKDB",
    "postgres": "PGDATABASE",
    "redshift": "REDSHIFT_DATABASE",
}
FILES = (
    ".dbtignore",
    "dbt_project.yml",
    "selectors.yml",
    "profiles.yml.example",
    "requirements.txt",
)


def digest() -> str:
    """A hash of every file that dbt reads of the project, and of the versions installed."""
    paths = [ROOT / name for name in FILES]
    paths += sorted(p for name in FOLDERS for p in (ROOT / name).rglob("*") if p.is_file())
    found = hashlib.sha256()
    for path in paths:
        found.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return found.hexdigest()[:16]


@contextmanager
def kept(name: str) -> Iterator[Path]:
    """A path whose content holds for the project as it is now, for one process at a time.

    Whoever finds nothing there makes it. What was made of other states of the project is removed.
    """
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = KEPT / f"{name}-{digest()}"
        if not path.exists():
            for old in KEPT.glob(f"{name}-*"):
                if old.stat().st_mtime < time.time() - UNUSED:
                    shutil.rmtree(old) if old.is_dir() else old.unlink()
        yield path


def read_copy(dbt: WarmDbt, read: Callable[[WarmDbt], Any], parsed: dict[str, bytes]) -> Any:
    """The manifest for a warehouse, made of what was parsed for another one of its engine.

    Args:
        dbt: the project, or a copy of it, of which only the files that differ are parsed.
        read: what parses it otherwise.
        parsed: by engine, what has been parsed; it is added to.
    """
    variables = os.environ | dbt.variables
    kind = variables["HIREHOUSE_TARGET"]
    if kind not in parsed and dbt.root == ROOT:
        with kept(f"parsed-{kind}") as path:
            if not path.exists():
                read(dbt)
                shutil.copy(dbt.folder / PARTIAL_PARSE_FILE_NAME, f"{path}.new")
                Path(f"{path}.new").rename(path)  # whole, even if this process is killed
            parsed[kind] = path.read_bytes()
    elif kind not in parsed:
        WarmDbt(ROOT, dbt.folder / "whole", dbt.variables)
    manifest = Manifest.from_msgpack(parsed[kind], decoder=extended_mashumuro_decoder)
    database = Path(variables[DATABASES[kind]]).stem
    for node in (*manifest.nodes.values(), *manifest.sources.values()):
        if node.relation_name:
            node.relation_name = node.relation_name.replace(str(node.database), database, 1)
        node.database = database
    for model in manifest.semantic_models.values():
        if relation := model.node_relation:
            relation.relation_name = (relation.relation_name or "").replace(
                str(relation.database), database, 1
            )
            relation.database = database
    if dbt.root == ROOT and dbt.folder not in _written:
        return manifest
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ManifestLoader, "read_manifest_for_partial_parse", lambda _: manifest)
        return read(dbt)


def leave_out_comments(manifest: Manifest) -> None:
    """Let builds write no descriptions into the warehouse, for tests that compare rows alone."""
    nodes: Iterable[Any] = manifest.nodes.values()
    for node in nodes:
        node.config.persist_docs = {}


def keep(manifest: Manifest, names: Collection[str], *, tests: bool = True) -> None:
    """Remove what few tests need of a parsed project, since each run of dbt looks at all of it.

    Args:
        manifest: the project.
        names: models and seeds to keep, with what they read.
        tests: also keep the tests of all of these.
    """
    nodes: MutableMapping[str, Any] = manifest.nodes
    made = {i for i, n in nodes.items() if n.resource_type in ("model", "seed")}
    wanted = {i for i in made if nodes[i].name in names}
    assert {nodes[i].name for i in wanted} == set(names)
    while more := {a for i in wanted for a in nodes[i].depends_on_nodes if a in nodes} - wanted:
        wanted |= more
    gone = made - wanted
    gone |= {
        i
        for i, n in nodes.items()
        if n.resource_type in ("test", "analysis") and (not tests or gone & {*n.depends_on_nodes})
    }
    # dbt warns of configuration for nothing, unless it is for what is disabled.
    for i in gone:
        manifest.disabled[i] = [nodes.pop(i)]
    for i, metric in manifest.metrics.items():
        manifest.disabled[i] = [metric]
    for i, unit_test in list(manifest.unit_tests.items()):
        if not tests or gone & {*unit_test.depends_on.nodes}:
            del manifest.unit_tests[i]
    for kind in ("exposures", "metrics", "semantic_models", "saved_queries"):
        getattr(manifest, kind).clear()


_written: set[Path] = set()  # target folders that processes of dbt will read


def parsed_for(
    root: Path, folder: Path, variables: Mapping[str, str], only: Collection[str] = ()
) -> None:
    """Let processes of dbt find the project parsed, which would take each of them 10 seconds.

    Args:
        root: the project's folder, or a copy of it.
        folder: the target folder of the processes.
        variables: what the profile will read in them.
        only: names of models; the processes find these and what they read, without comments, until
            a file of the project changes. By default all.
    """
    load = ManifestLoader.load

    def load_and_write(loader: ManifestLoader) -> Manifest:
        manifest = load(loader)
        if only:
            keep(manifest, only)
            leave_out_comments(manifest)
        manifest.state_check = loader.build_manifest_state_check()
        loader.write_manifest_for_partial_parse()
        return manifest

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ManifestLoader, "load", load_and_write)
        _written.add(folder)
        for name, value in variables.items():
            patch.setenv(name, value)
        WarmDbt(root, folder, dict(variables))
