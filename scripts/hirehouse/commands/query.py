"""`hirehouse query`: read the warehouse with SQL."""

import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from hirehouse.commands.answers import SHOWN, Format, write
from hirehouse.commands.shared import Target, print_error, say
from hirehouse.contracts.model import ROOT
from hirehouse.querying.publishing import published_path
from hirehouse.querying.reading import Answer, open_reader
from hirehouse.querying.relations import PRODUCTION, Relations
from hirehouse.querying.templates import Templates
from hirehouse.warehouse.profile import WarehouseError, read_profile

UNREACHABLE = 3  # exit code


class Asker:
    """Asks the warehouse of a target, which is open for the time of one query.

    Args:
        target: an output of the profile.
        published: read the published copy of the marts instead.
    """

    def __init__(self, target: str | None, published: bool) -> None:
        self.target, self.published = target, published
        self.settings: dict[str, Any] = read_profile(target)
        self.relations = Relations(ROOT, str(self.settings.get("schema") or PRODUCTION))
        self.templates = Templates(self.relations, self.settings["type"])
        if published:
            self.settings |= {"type": "duckdb", "path": str(published_path())}

    def ask(self, sql: str, limit: int | None) -> Answer:
        """The rows of a query.

        Raises:
            ExpectedError: the query is wrong, or would write.
            WarehouseError: the warehouse can't be reached.
        """
        sql = self.templates.render(sql)
        with closing(open_reader(self.settings, self._say_waiting)) as reader:
            return reader.read(sql, limit)

    def _say_waiting(self, text: str) -> None:
        say(text, err=True)
        if not self.published and published_path().exists():
            say("--published reads the published copy without waiting", err=True)


def query_command(
    sql: Annotated[
        str | None, typer.Argument(help="One statement; may have `{{ ref('model') }}`.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Read it from a file, as of analyses/.")
    ] = None,
    form: Annotated[
        Format | None,
        typer.Option(
            "--format",
            help="Default: as --out ends; else a table on a terminal, and CSV in a pipe.",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=0, help="Rows at most. Default: all; in a table on a terminal 1,000."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write to this file: .csv, .json, .parquet, .md, .txt")
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Read the copy that `hirehouse publish` made.")
    ] = False,
    target: Target = None,
) -> None:
    """Query the warehouse with SQL; nothing can be written.

    Without SQL it opens a prompt, or reads a statement from stdin if that is no terminal. A DuckDB
    file is open for the time of the query only.

    Exit code 1: the query is wrong, or would write; 2: wrong arguments; 3: the warehouse can't be
    reached.
    """
    if sql and file:
        raise typer.BadParameter("give either SQL or --file")
    if form is None:
        form = Format.of_file(out) if out else Format.TABLE if sys.stdout.isatty() else Format.CSV
    if out and not out.parent.is_dir():
        raise typer.BadParameter(f"{out}: there is no such folder")
    if form is None:
        raise typer.BadParameter(f"{out}: the ending names no format; add --format")
    if form == Format.PARQUET and not out and sys.stdout.isatty():
        raise typer.BadParameter("Parquet is not for a terminal; add --out FILE")
    if file:
        try:
            sql = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise typer.BadParameter(f"{file}: {error}") from None
    try:
        asker = Asker(target, published)
        if sql is None and sys.stdin.isatty():
            from hirehouse.commands.prompt import Prompt

            Prompt(asker).run()
            return
        if limit is None and form == Format.TABLE and not out:
            limit = SHOWN
        answer = asker.ask(sys.stdin.read() if sql is None else sql, limit)
    except WarehouseError as error:
        print_error(error)
        raise typer.Exit(UNREACHABLE) from None
    write(answer, form, out)
