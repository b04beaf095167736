"""Builds the site: `./scripts/docs` runs this module."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
import vl_convert
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from docs_site.facts import charts_of, gather, last_build
from docs_site.lineage import Column, Lineage, column_lineage
from docs_site.pages import Site
from docs_site.project import Project
from hirehouse.commands.shared import Target, expected_errors
from hirehouse.contracts.errors import ExpectedError
from hirehouse.contracts.files import write_whole
from hirehouse.contracts.model import ROOT, load
from hirehouse.running.warm_dbt import WarmDbt
from hirehouse.warehouse.connections import open_warehouse

TARGET = ROOT / "target"
LIBRARY = "vega.js"  # Vega-Lite with what it needs


class SiteError(ExpectedError):
    """The site can't be built; the message says what to do."""


def compiled(target: str | None, folder: Path) -> dict[str, Any]:
    """The manifest with the compiled SQL of all models.

    Args:
        folder: for dbt's files; that of the last build keeps the record of the build.
    """
    parsed = TARGET / "partial_parse.msgpack"
    if parsed.exists() and not (folder / parsed.name).exists():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(parsed, folder)
    dbt = WarmDbt(folder=folder, target=target)
    dbt.run("compile", "--select", "resource_type:model")
    found: dict[str, Any] = dbt.manifest.writable_manifest().to_dict(omit_none=False)
    return found


def personal(project: Project, lineage: Lineage) -> set[tuple[str, str]]:
    """The columns of models that come from a property with personal data."""
    return {
        (use.unique_id, use.name)
        for event in project.events.values()
        for column in event.contract.columns
        if column.meta.get("pii") or column.meta.get("restricted")
        for use in lineage.uses(Column(event.id, column.name))
    }


def add_library(out: Path) -> None:
    """Put the charts' library into the site; it takes 10 s to make, once per version."""
    kept = TARGET / f"vega-{version('vl-convert-python')}.js"
    if not kept.exists():
        # It declares names of its own, which must not be those of the page.
        bundle = vl_convert.javascript_bundle()  # type: ignore[call-arg] # or a snippet of ours
        write_whole(kept, f"(() => {{\n{bundle}\n}})();\n".encode())
    shutil.copy(kept, out / "assets" / LIBRARY)


@contextmanager
def steps() -> Iterator[Callable[[str, int], Callable[[str], None]]]:
    """Show the progress of steps: each has a name and a number of things to do.

    Where there is no terminal for a bar, each is a line with its seconds.
    """
    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty())
    began = time.monotonic()
    with bar:

        def step(name: str, total: int) -> Callable[[str], None]:
            if bar.disable:
                console.print(f"{time.monotonic() - began:4.0f} s  {name}")
            task = bar.add_task(name, total=total or None)
            return lambda _: bar.advance(task)

        yield step


def build(out: Path, target: str | None, folder: Path) -> int:
    """Build the site, and return how many pages it has.

    Args:
        out: its folder, which is replaced.
        target: which output of the profile; see `read_profile`.
        folder: for dbt's files.

    Raises:
        SiteError: the warehouse has no models.
    """
    with steps() as step:
        step("compile the models", 0)
        manifest = compiled(target, folder)
        project = Project(manifest, load())
        step("trace the columns", 0)
        lineage = column_lineage(manifest)
        told = step("ask the warehouse", len(project.models) + len(charts_of(project)))
        with open_warehouse(target) as warehouse:
            facts = gather(project, warehouse, personal(project, lineage), told)
            where = warehouse.where
        if not facts.rows:
            raise SiteError(f"{where} has no models yet: build them with `dbt build`")
        step("prepare the charts", 0)
        new = out.with_name(f"{out.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        (new / "assets").mkdir(parents=True)
        add_library(new)
        site = Site(project, facts, lineage, last_build(), new, datetime.now(UTC))
        site.write(step("write the pages", 600))
        shutil.rmtree(out, ignore_errors=True)
        new.rename(out)
    return sum(1 for _ in out.rglob("*.html"))


def main(
    out: Annotated[Path, typer.Option(help="Folder of the site.")] = TARGET / "site",
    target: Target = None,
) -> None:
    """Build the documentation as a static site."""
    with expected_errors():
        pages = build(out.absolute(), target, TARGET / "docs_site")
        size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
        shown = out.relative_to(ROOT) if out.is_relative_to(ROOT) else out
        print(f"{pages} pages, {size / 1e6:.1f} MB: {shown}/index.html")


if __name__ == "__main__":
    typer.run(main)
