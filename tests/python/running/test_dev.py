"""The edit loop: a slice of whole entities, and a result after each save."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue

import duckdb
import pytest

from data_slice import make_slice
from hirehouse.contracts.model import ROOT
from hirehouse.landing.land import land
from hirehouse.warehouse.connections import open_warehouse
from show import line_of
from simulator import simulate
from support.parsing import parsed_for

# An incremental model that few read and that reads few, since the edit loop builds all of them.
MODEL = "int_emails"
FILE = Path(f"models/intermediate/growth/{MODEL}.sql")
PATIENCE = 240  # seconds, on a busy machine
# The ids in events, and the table that must have each of them.
REFERENCES = {
    "candidate_id": ("candidate_signed_up",),
    "employer_id": ("employer_signed_up",),
    "position_id": ("position_opened",),
    "candidacy_id": ("interview_requested", "application_submitted"),
    "invoice_id": ("placement_invoiced",),
    "search_id": ("candidate_search_performed",),
    "offer_id": ("offer_extended",),
    "interview_id": ("interview_scheduled",),
    "email_id": ("email_delivered",),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DuckDB warehouse with landed events only."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "profiles.yml").write_text((ROOT / "profiles.yml.example").read_text())
    simulate(folder / "events", candidates=200, days=60)
    with pytest.MonkeyPatch.context() as patch:
        set_slice(patch, folder)
        with open_warehouse() as warehouse:
            land([folder / "events"], warehouse)
    return folder / "hirehouse.duckdb"


def set_slice(patch: pytest.MonkeyPatch, folder: Path) -> None:
    patch.setenv("DBT_PROFILES_DIR", str(folder))
    patch.setenv("HIREHOUSE_TARGET", "duckdb")
    patch.setenv("HIREHOUSE_DUCKDB", str(folder / "hirehouse.duckdb"))


def dangling(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Columns of landed tables with ids that no event introduces."""
    found = []
    columns = connection.execute(
        "select table_name, column_name from information_schema.columns"
        " where table_schema = 'landed'"
    ).fetchall()
    for table, column in columns:
        known = " union ".join(
            f"select {column} from landed.{t}" for t in REFERENCES.get(column, ())
        )
        if not known:
            continue
        unknown = f"{column} is not null and {column} not in ({known})"
        if connection.execute(f"select 1 from landed.{table} where {unknown}").fetchone():
            found.append(f"{table}.{column}")
    return found


def test_a_slice_has_whole_entities(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_slice(monkeypatch, tmp_path)
    monkeypatch.setenv("DBT_PROFILES_DIR", str(whole.parent))
    database = tmp_path / "slice" / "hirehouse.duckdb"
    said = make_slice(whole, database, 40)
    with duckdb.connect(str(database)) as connection:
        connection.execute(f"attach '{whole}' as whole (read_only)")
        assert dangling(connection) == []
        [(candidates, events)] = connection.execute(
            "select count(distinct candidate_id), (select count(*) from landed.page_viewed)"
            " from landed.candidate_signed_up"
        ).fetchall()
        assert 40 <= candidates < 60
        assert events > 0
        assert said.startswith(f"{candidates} candidates of hirehouse.duckdb, ")
        for table in ("interview_requested", "application_submitted", "candidate_profile_viewed"):
            [(theirs, copied)] = connection.execute(
                f"select (select count(*) from whole.landed.{table} where candidate_id in"
                " (select candidate_id from hirehouse.landed.candidate_signed_up)),"
                f" (select count(*) from hirehouse.landed.{table})"
            ).fetchall()
            assert theirs == copied > 0, table
        # All positions of their employers are present, with all their events.
        for table in ("position_opened", "position_updated", "position_closed"):
            assert not connection.execute(
                f"select event_id from whole.landed.{table} where employer_id in"
                " (select employer_id from hirehouse.landed.employer_signed_up)"
                f" except select event_id from hirehouse.landed.{table}"
            ).fetchone(), table
        connection.execute(
            "delete from hirehouse.landed.position_opened where position_id ="
            " (select min(position_id) from hirehouse.landed.interview_requested)"
        )
        assert "interview_requested.position_id" in dangling(connection)


def test_without_a_warehouse_a_small_market_is_simulated(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_slice(monkeypatch, tmp_path)
    monkeypatch.setenv("DBT_PROFILES_DIR", str(whole.parent))
    database = tmp_path / "slice" / "hirehouse.duckdb"
    said = make_slice(tmp_path / "none.duckdb", database, 20)
    assert said.startswith("10 simulated candidates, ")
    with duckdb.connect(str(database)) as connection:
        assert dangling(connection) == []


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ('Binder Error: no column "bb"\n\n  LINE 38:     a.bb as c,\n           ^', 2),
        ("unexpected '}', expected ')'\n    line 3\n      from {{ ref('x' }}", 3),
        ("'in_dollars' is undefined. This can happen", 4),
        ("depends on a node named 'orders' which was not found", 3),
        ("This model has an enforced contract that failed.", None),
        ("Binder Error\n  LINE 7: not in the file", None),
    ],
)
def test_the_line_of_an_error_is_found(message: str, line: int | None) -> None:
    source = "select\n    a.bb as c,\nfrom {{ ref('orders') }}\nwhere {{ in_dollars() }}\n"
    assert line_of(message, source) == line


@pytest.fixture(scope="module")
def clone(whole: Path, profiles: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in another folder, with a warehouse and the packages of this one."""
    folder = tmp_path_factory.mktemp("dev") / "hirehouse"
    left_out = (".git", ".venv", "data", "target", "logs", "profiles.yml", "*.egg-info", ".*cache")
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*left_out))
    (folder / ".venv").symlink_to(ROOT / ".venv")
    (folder / "data").mkdir()
    shutil.copy(whole, folder / "data" / "hirehouse.duckdb")
    # A unit test would fail before the model, whose error is looked at.
    described = (folder / FILE).with_suffix(".yml")
    described.write_text(described.read_text().partition("\nunit_tests:")[0])
    slice_of_data = {
        "DBT_PROFILES_DIR": str(profiles),
        "HIREHOUSE_TARGET": "duckdb",
        "HIREHOUSE_DUCKDB": str(folder / "data" / "dev" / "hirehouse.duckdb"),
        "HIREHOUSE_SCHEMA": "analytics",
    }
    parsed_for(folder, folder / "target" / "dev", slice_of_data)
    return folder


def dev(clone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["./scripts/dev", *arguments],
        cwd=clone,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        env=os.environ | {"PYTHONPATH": str(clone / "scripts")},
    )


@pytest.fixture
def broken(clone: Path) -> Iterator[None]:
    """A model that can't be parsed."""
    text = (clone / FILE).read_text()
    (clone / FILE).write_text(unparsable(text))
    yield
    (clone / FILE).write_text(text)


def unparsable(text: str) -> str:
    return text.replace("['stg_web__email_delivered', 'stg_web__email_clicked']", "[")


def test_an_unknown_model_is_rejected_with_similar_names(clone: Path) -> None:
    done = dev(clone, "fct_ofers")
    assert done.returncode == 1
    assert "there is no model fct_ofers; near it: fct_offers" in done.stderr
    assert not (clone / "data" / "dev").exists()


@pytest.mark.usefixtures("broken")
def test_an_error_in_a_model_is_shown_with_its_line(clone: Path) -> None:
    done = dev(clone, MODEL, "--once", "--candidates", "60")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "making a slice" in done.stdout
    assert f"ERROR   {FILE}:10\n" in done.stdout, done.stdout + done.stderr
    assert "FAILED after " in done.stdout


def test_a_save_is_detected_and_its_result_is_shown(clone: Path) -> None:
    process = subprocess.Popen(
        ["./scripts/dev", MODEL],
        cwd=clone,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(clone / "scripts")},
    )
    lines: Queue[str] = Queue()

    def read() -> None:
        for line in process.stdout or ():
            lines.put(line)

    threading.Thread(target=read, daemon=True).start()

    def result() -> str:
        """The output until it waits for the next save."""
        text = ""
        while "waiting for a change" not in text:
            try:
                text += lines.get(timeout=PATIENCE)
            except Empty:
                pytest.fail(f"no result in {PATIENCE} s after:\n{text}")
        return text

    good = (clone / FILE).read_text()
    column = "deliveries.recipient_id,"
    try:
        built = result()
        assert f" ok      {MODEL} " in built
        assert re.search(r"\b[1-9][\d,]* rows", built)
        assert "tests pass" in built
        assert f"ok      {MODEL}: a run without new events leaves it as it is" in built
        assert "ok after " in built
        (clone / FILE).write_text(
            good.replace(column, "cast(null as varchar(64)) as recipient_id,")
        )
        failed = result()
        assert str(FILE) in failed
        assert f"FAIL    no_nulls_{MODEL}_" in failed
        assert re.search(r"/no_nulls_\w+\.sql\n", failed)  # dbt truncates long names
        assert "NULL" in failed  # the first rows
        assert "FAILED after " in failed
        (clone / FILE).write_text(good.replace(column, "deliveries.recipient_given,"))
        wrong = result()
        line = 1 + good.splitlines().index(f"        {column}")
        assert f"ERROR   {MODEL} {FILE}:{line}\n" in wrong
        assert "recipient_given" in wrong
        (clone / FILE).write_text(unparsable(good))
        assert f"ERROR   {FILE}:10\n" in result()
        # What the model has come to read is built, too.
        page = "{{ ref('stg_web__page_viewed') }}"
        (clone / FILE).write_text(f"{good}where exists (select 1 from {page})\n")
        assert "ok after " in result()
    finally:
        (clone / FILE).write_text(good)
        process.kill()
        process.wait()
