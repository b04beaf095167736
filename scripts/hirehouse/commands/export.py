"""`hirehouse export`: marts and landed events as Parquet files."""

from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from hirehouse.commands.shared import AsJson, Target, print_json, say
from hirehouse.exporting.exports import choose_events, choose_marts, export
from hirehouse.exporting.folders import Folder
from hirehouse.querying.relations import PRODUCTION
from hirehouse.warehouse.profile import read_profile

EVENTS = "events"


class Format(StrEnum):
    PARQUET = "parquet"
    ICEBERG = "iceberg"


def export_command(
    names: Annotated[
        list[str], typer.Argument(help="Schemas of marts, marts, or the word events with --event.")
    ],
    out: Annotated[str, typer.Option(help="The folder: a path, or s3://BUCKET/FOLDER.")],
    event: Annotated[
        list[str] | None, typer.Option(help="With events: an event; can be given several times.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="With events: the first day of occurred_at, UTC."),
    ] = None,
    form: Annotated[
        Format, typer.Option("--format", help="Also keep Iceberg tables of the same files.")
    ] = Format.PARQUET,
    catalog: Annotated[
        str,
        typer.Option(
            help="Iceberg's catalog: https://…, sqlite:///…; default catalog.db in the folder."
        ),
    ] = "",
    keep: Annotated[int, typer.Option(min=1, help="Versions to keep.")] = 5,
    keep_days: Annotated[int, typer.Option(min=0, help="Keep versions of so many days, too.")] = 0,
    target: Target = None,
    as_json: AsJson = False,
) -> None:
    """Export marts, or landed events, as a version of Parquet files with a manifest.

    Only months that have changed are written. Readers of manifest.json see the old version or the
    new one. If an export is killed, run it again.

    Exit code 1: nothing has been exported; 2: wrong arguments.
    """
    settings = read_profile(target)
    schema = str(settings.get("schema") or PRODUCTION)
    if names == [EVENTS]:
        if not event:
            raise typer.BadParameter("export events needs --event EVENT")
        chosen = choose_events(event, since.date() if since else None, schema)
    elif event or since:
        raise typer.BadParameter("--event and --since are for: hirehouse export events")
    else:
        chosen = choose_marts(names, schema)
    if catalog and form is not Format.ICEBERG:
        raise typer.BadParameter("--catalog is for --format iceberg")
    folder = Folder(out)
    result = export(
        chosen,
        folder,
        settings,
        keep=keep,
        keep_days=keep_days,
        catalog=(catalog or "default") * (form is Format.ICEBERG),
        say=partial(say, err=True),
    )
    if as_json:
        print_json(result.manifest)
        return
    marts = result.manifest["marts"]
    rows = sum(mart["rows"] for mart in marts.values())
    version = f"version {result.manifest['version']} in {folder.url}"
    say(f"{version}: {len(marts)} relations, {rows:,} rows" + " (unchanged)" * (not result.new))
    say(f"{result.written} files written, {result.bytes:,} bytes")
