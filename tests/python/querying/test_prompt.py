"""The prompt of `hirehouse query`: history, completion, listings, and errors that do not end it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from hirehouse.commands.prompt import Prompt, SqlCompleter, is_complete
from hirehouse.commands.query import Asker
from hirehouse.contracts.model import ROOT
from hirehouse.querying.relations import Relations
from support.queries import ROWS, TABLE, make_mart

Typed = Callable[[str], tuple[str, str]]


@pytest.fixture
def typed(
    duckdb_environment: dict[str, str],  # noqa: ARG001
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Typed:
    """A function that types into a prompt, and gives what it prints on stdout and stderr."""
    make_mart()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    def work(text: str) -> tuple[str, str]:
        with create_pipe_input() as keys:
            keys.send_text(text)
            Prompt(Asker(None, published=False), input=keys, output=DummyOutput()).run()
        said = capsys.readouterr()
        return said.out.partition(".exit leaves\n")[2], said.err

    return work


def test_a_query_of_several_lines_runs_at_its_semicolon(typed: Typed) -> None:
    lines = ROWS.strip().replace("\n", "\r")
    assert typed(f"{lines};\r.exit\r") == (TABLE, "")


def test_an_error_is_told_and_the_prompt_goes_on(typed: Typed) -> None:
    out, err = typed(
        "select nothing from marketplace.hiring_funnel_weekly;\r"
        "delete from marketplace.hiring_funnel_weekly;\r.nothing\r"
        "select count(*) as n from marketplace.hiring_funnel_weekly;\r\\q\r"
    )
    assert out == "n\n─\n2\n1 row\n"
    assert "nothing" in err
    assert "begins with 'delete'" in err
    assert ".nothing is no command here" in err
    assert err.count("error: ") == 3


def test_marts_and_their_columns_are_listed(typed: Typed) -> None:
    out, err = typed("\\d\r\\d hiring_funnel_weekly\r\\d nowhere\r.exit\r")
    assert "marketplace.response_times_v2 " in out
    assert "opened_count" in out
    assert "numeric(9,4)" in out
    assert "{{" not in out
    assert "stg_" not in out
    assert "no mart 'nowhere'" in err


def test_the_end_of_the_input_leaves_and_history_is_kept(typed: Typed, tmp_path: Path) -> None:
    typed("select 1 as a;\r\x04")
    history = tmp_path / "hirehouse" / "query_history"
    assert "+select 1 as a;" in history.read_text()
    assert history.stat().st_mode & 0o077 == 0
    # The arrow up brings it back.
    assert typed("\x1b[A\r.exit\r")[0] == "a\n─\n1\n1 row\n"


def test_enter_ends_what_is_complete() -> None:
    assert all(map(is_complete, ["", "select 1;", "select 1; ", "\\d", ".exit"]))
    assert not any(map(is_complete, ["select 1", "select ';'\nfrom"]))


def test_marts_columns_and_keywords_are_completed() -> None:
    completer = SqlCompleter(Relations(ROOT, "analytics").marts())

    def complete(text: str) -> list[str]:
        found = completer.get_completions(Document(text), CompleteEvent())
        return [one.text for one in found]

    assert "marketplace.hiring_funnel_weekly" in complete("select * from hiring_f")
    assert "marketplace.hiring_funnel_weekly" in complete("select * from marketplace.hi")
    assert complete("from marketplace.hiring_funnel_weekly where opened_c") == ["opened_count"]
    assert complete("from marketplace.hiring_funnel_weekly as f where f.opened_c") == [
        "opened_count"
    ]
    assert complete("select * from core.dim_dates where opened_c") == []
    assert complete("sel") == ["select"]
    assert complete("\\d offers_m") == ["marketplace.offers_monthly"]
    assert complete("select ") == []
