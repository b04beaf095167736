"""The prompt of `hirehouse query`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory
from prompt_toolkit.lexers import PygmentsLexer
from pygments.lexers.sql import PostgresLexer
from rich.text import Text

from hirehouse.commands.answers import SHOWN, print_table
from hirehouse.commands.shared import new_console, print_error, text_table
from hirehouse.contracts.errors import ExpectedError
from hirehouse.querying.relations import Mart

if TYPE_CHECKING:
    from hirehouse.commands.query import Asker

HELP = r"""  select ...;   run a query, which may have several lines: it ends with a semicolon
  \d            list the marts
  \d NAME       list the columns of a mart
  .exit         leave; Ctrl-D does, too
Tab completes marts and columns; the arrow keys and Ctrl-R find earlier queries."""
WORD = re.compile(r"[\w.]+")
KEYWORDS = (
    *("select", "from", "where", "group by", "order by", "limit", "inner join", "left join", "on"),
    *("with", "as", "and", "or", "not", "in", "between", "is null", "like", "distinct", "having"),
    *("count(*)", "sum(", "min(", "max(", "case when", "then", "else", "end", "union all"),
    *("over (", "partition by", "date_trunc(", "coalesce(", "cast("),
    *("desc", "asc", "true", "false", "null"),
)


class SqlCompleter(Completer):
    """Completes marts, columns of the marts that the query names, and keywords."""

    def __init__(self, marts: list[Mart]) -> None:
        self.marts = marts

    def get_completions(self, document: Document, _: CompleteEvent) -> Iterator[Completion]:
        word = document.get_word_before_cursor(pattern=WORD).lower()
        last = word.rpartition(".")[2]
        before = document.text_before_cursor
        describes = before.startswith("\\d")
        if not word and not describes:
            return
        if not describes:
            named = [mart for mart in self.marts if mart.relation in document.text.lower()]
            columns = {name: kind for mart in named for name, (kind, _) in mart.columns.items()}
            for name, kind in columns.items():
                if name.startswith(last):
                    yield Completion(name, -len(last), display_meta=kind)
        for mart in self.marts:
            if mart.relation.startswith(word) or mart.relation.partition(".")[2].startswith(word):
                yield Completion(mart.relation, -len(word), display_meta=mart.description[:60])
        for keyword in () if describes else KEYWORDS:
            if keyword.startswith(word):
                yield Completion(keyword, -len(word))


def is_complete(text: str) -> bool:
    """Whether Enter ends the input, and does not begin its next line."""
    text = text.strip()
    return not text or text.startswith((".", "\\")) or text.endswith(";")


class Prompt:
    """Reads queries and runs them, until it is left.

    Args:
        asker: runs them.
        session: further arguments of the session, such as its input.
    """

    def __init__(self, asker: Asker, **session: Any) -> None:
        self.asker = asker
        self.marts = [mart for mart in asker.relations.marts() if mart.public]
        self.session: PromptSession[str] = PromptSession(
            history=FileHistory(str(_history_file())),
            lexer=PygmentsLexer(PostgresLexer),
            completer=SqlCompleter(self.marts),
            # A filter: Enter ends the input where it does not hold.
            multiline=Condition(lambda: not is_complete(self.session.default_buffer.text)),
            prompt_continuation=lambda width, *_: ".. ".rjust(width),
            **session,
        )

    def run(self) -> None:
        """Prompt until .exit or the end of the input; an error does not end it."""
        typer.echo(".help lists what can be done here, and .exit leaves")
        while True:
            try:
                text = self.session.prompt("hirehouse> ").strip()
                if text in (".exit", ".quit", "exit;", "quit;", "\\q"):
                    return
                self._do(text)
            except KeyboardInterrupt:
                continue
            except EOFError:
                return
            except (ExpectedError, OSError) as error:
                print_error(error)

    def _do(self, text: str) -> None:
        if text in (".help", "\\?"):
            typer.echo(HELP)
        elif text.startswith("\\d"):
            self._describe(text[2:].strip(" ;"))
        elif text.startswith((".", "\\")):
            print_error(f"{text} is no command here; .help lists them")
        elif text:
            print_table(self.asker.ask(text, SHOWN))

    def _describe(self, name: str) -> None:
        """List the marts, or the columns of one."""
        if not name:
            rows = [(mart.relation, mart.description) for mart in self.marts]
            new_console().print(text_table(["mart", "a row is"], rows, no_wrap=["mart"]))
            return
        found = [m for m in self.marts if name in (m.relation, m.relation.partition(".")[2])]
        if not found:
            print_error(f"there is no mart {name!r}; \\d lists them")
            return
        columns = [(column, *about) for column, about in found[0].columns.items()]
        console = new_console()
        console.print(Text(found[0].description))
        console.print(text_table(["column", "type", "what it is"], columns, no_wrap=["column"]))


def _history_file() -> Path:
    """The file of earlier queries, which only its user can read."""
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    path = state / "hirehouse" / "query_history"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    return path
