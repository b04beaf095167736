"""What keeps hirehouse out of PostgreSQL is named with what to do: missing rights, a wrong port."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from typer.testing import CliRunner, Result

from hirehouse.commands.main import app
from hirehouse.contracts.example import example_event
from hirehouse.contracts.model import load
from hirehouse.events.exact_json import to_json
from hirehouse.warehouse.profile import WarehouseError
from support.servers import Postgres

ROLE = "without_rights"
Run = Callable[[str], None]
GRANT = re.compile(r"has to run: (.+;)")


@pytest.fixture
def owner(postgres: Postgres, postgres_environment: dict[str, str]) -> Iterator[Run]:
    """Runs SQL as the server's superuser; hirehouse itself connects as a role without rights."""
    connection = psycopg2.connect(
        host="127.0.0.1",
        port=postgres.port,
        user=postgres_environment["PGUSER"],
        dbname=postgres_environment["PGDATABASE"],
    )
    connection.autocommit = True

    def run(sql: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql)

    run(f"drop role if exists {ROLE}; create role {ROLE} login")
    yield run
    run(f"drop owned by {ROLE} cascade; drop role {ROLE}")
    connection.close()


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs a command as the role without rights, on one event."""
    events = tmp_path / "events"
    events.mkdir()

    def run(*command: str, again: Any = 1) -> Result:
        event = example_event(load()["offer_extended", 1]) | {"messageId": f"m-{again}"}
        (events / f"{again}.ndjson").write_text(to_json(event) + "\n")
        monkeypatch.setenv("PGUSER", ROLE)
        monkeypatch.setenv("COLUMNS", "400")
        return CliRunner().invoke(app, [*command, *[str(events)] * (command[0] in ("land", "run"))])

    return run


def granted(owner: Run, result: Result) -> str:
    """The right that a command says is missing, after the statement that it gives was run."""
    assert result.exit_code == 1, result.output
    (statement,) = GRANT.findall(result.stderr)
    owner(statement)
    (right,) = re.findall(rf"role {ROLE} (lacks .+?|has to own .+?)\. ", result.stderr)
    return str(right)


def test_each_missing_right_of_a_landing_is_named_with_its_grant(
    owner: Run, told: Callable[..., Result], postgres_environment: dict[str, str]
) -> None:
    database = postgres_environment["PGDATABASE"]
    assert granted(owner, told("land")) == f"lacks create on database {database}"
    assert told("land").exit_code == 0

    # What another role owns: the schema, then its tables.
    owner(
        f"reassign owned by {ROLE} to hirehouse; revoke create on database {database} from {ROLE}"
    )
    missing: list[str] = []
    while (result := told("land", again=2)).exit_code and len(missing) < 9:
        missing.append(granted(owner, result))
    assert missing[0] == "lacks usage, create on schema landed"
    lacks = "lacks select, insert, update on table landed."
    assert {text.removeprefix(lacks) for text in missing[1:]} >= {"batches", "offer_extended"}
    assert result.exit_code == 0, missing


def test_failures_name_the_missing_right(owner: Run, told: Callable[..., Result]) -> None:
    assert granted(owner, told("failures", "list")).startswith("lacks create on database")


def test_a_query_needs_no_right_to_write(owner: Run, told: Callable[..., Result]) -> None:
    owner("create schema core; create table core.numbers (number integer)")
    query = ("query", "select number from core.numbers")
    assert granted(owner, told(*query)) == "lacks usage on schema core"
    assert granted(owner, told(*query)) == "lacks select on table core.numbers"
    assert told(*query).exit_code == 0


def test_an_upgrade_names_the_missing_right(owner: Run, told: Callable[..., Result]) -> None:
    owner(
        "create schema raw;"
        " create table raw.batches (batch_id bigint not null, committed_at timestamp)"
    )
    missing = [granted(owner, told("upgrade")) for _ in range(3)]
    assert missing == [
        "lacks usage, create on schema raw",
        "lacks select, insert, update, delete on table raw.batches",
        "has to own schema raw",
    ]


def test_a_run_names_the_right_that_dbt_lacks(
    owner: Run, told: Callable[..., Result], postgres_environment: dict[str, str]
) -> None:
    database = postgres_environment["PGDATABASE"]
    owner(f"create schema landed authorization {ROLE}")
    result = told("run", "--once")
    assert granted(owner, result) == f"lacks create on database {database}"
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("port", "named"),
    [("", "PGPORT is empty"), ("five", "PGPORT is 'five'"), ("5,432", "PGPORT is '5,432'")],
)
@pytest.mark.parametrize("command", [["land", "."], ["run", ".", "--once"], ["failures", "list"]])
@pytest.mark.usefixtures("postgres_environment")
def test_a_port_that_is_no_number_is_named(
    command: list[str],
    port: str,
    named: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGPORT", port)
    monkeypatch.setenv("COLUMNS", "400")
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1
    assert f"profiles.yml: {named}, but must be a number" in result.stderr
    assert isinstance(result.exception, SystemExit)


@pytest.mark.usefixtures("duckdb_environment")
def test_a_run_that_lost_its_server_says_so_and_when_it_tries_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Server:
        """Rounds of a loop: the server is away for one, and back in the next, which ends it."""

        number, failing = 0, ()

        def __init__(self, *_: object, **__: object) -> None:
            self.rounds = iter((WarehouseError("db:5432/x: lost the connection"), None))

        def round(self) -> None:
            error = next(self.rounds)
            if error:
                raise error
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("hirehouse.commands.run.Loop", Server)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    result = CliRunner().invoke(app, ["run", str(tmp_path)])
    for number, handler in handlers.items():
        signal.signal(number, handler)
    assert "error: db:5432/x: lost the connection\ntrying again in 2 s\n" in result.stderr
