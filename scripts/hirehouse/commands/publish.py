"""`hirehouse publish`: copy the marts to a file for readers."""

from pathlib import Path
from typing import Annotated

import typer

from hirehouse.commands.shared import Target, say
from hirehouse.querying.publishing import Publication, check_build, publish


def publish_command(
    target: Target = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Default: HIREHOUSE_PUBLISHED, else data/published/hirehouse.duckdb."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Publish even though the last build failed.")
    ] = False,
) -> None:
    """Copy the public marts to a DuckDB file of tables, for readers that wait for nobody.

    The file is replaced as a whole; who has it open goes on reading the old one. Nothing is
    published if the last `dbt build` that target/run_results.json records had an error or a failed
    test.

    Exit code 1: nothing has been published.
    """
    if not force and (note := check_build()):
        say(note, err=True)
    say(told(publish(target, out)))


def told(publication: Publication) -> str:
    one = publication
    text = f"published {one.tables} marts, {one.rows:,} rows, to {one.path} in {one.seconds:.1f} s"
    return text + (f"; not built yet: {', '.join(one.missing)}" if one.missing else "")
