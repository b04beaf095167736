"""Where PostgreSQL is kinder or different, the rig behaves as Redshift does."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from redshift_connector.error import Error, InterfaceError

from rig.server import Redshift
from support.redshift import Connect, Connection, either, serializable
from support.redshift_statements import REFUSED, UNUSED

LATER = 0.5  # seconds, within which what does not wait is done


def test_a_varchar_holds_bytes(connect: Connect) -> None:
    run = connect()
    run("create table public.t (a varchar(3))")
    run("insert into public.t values (%s)", "äb")
    assert "too long" in run.error("insert into public.t values ('äöü')")["M"]
    assert run("select octet_length(a), length(a), substring(a, 1, 1) from public.t") == [
        (3, 2, "ä")
    ]


def test_types_without_a_size_have_redshifts(connect: Connect) -> None:
    run = connect()
    run("create table public.t (a varchar, b numeric, c text)")
    run("create table public.u as select cast('x' as varchar) as a, 1.75::numeric as b")
    sizes = (
        "select column_name, character_maximum_length, numeric_scale"
        " from information_schema.columns where table_name = '{}' order by 1"
    )
    assert run(sizes.format("t")) == [("a", 256, None), ("b", None, 0), ("c", 256, None)]
    assert run(sizes.format("u")) == [("a", 256, None), ("b", None, 0)]
    assert run("select b from public.u") == [(2,)]


def test_an_average_of_integers_is_an_integer(connect: Connect) -> None:
    run = connect()
    run("create table public.t (a integer, b bigint)")
    run("insert into public.t values (1, -1), (2, -2), (2, null)")
    assert run("select avg(a), avg(b) from public.t") == [(1, -1)]


def test_quoted_names_are_folded(connect: Connect) -> None:
    run = connect()
    run('create table public."T" ("A" integer)')
    assert run('select "a" from public.t') == []


def test_a_boolean_is_no_text(connect: Connect) -> None:
    assert "cannot cast" in connect().error("select cast(1 = 1 as varchar(5)) as a")["M"]


def test_datediff_counts_boundaries(connect: Connect) -> None:
    times = "cast('2026-01-03 23:59:59.9' as timestamp), cast('2026-01-04 00:00:00.1' as timestamp)"
    parts = ("second", "minute", "hour", "day", "week", "month")
    asked = ", ".join(f"datediff({part}, {times}) as {part}_" for part in parts)
    assert connect()(f"select {asked}") == [(1, 1, 1, 1, 1, 0)]


def test_a_refusal_ends_the_transaction(connect: Connect) -> None:
    run = connect()
    run("create table public.t (a integer)")
    run("begin")
    run("insert into public.t values (1)")
    assert run.error("select now() from public.t")["C"] == "0A000"
    assert "aborted" in run.error("select a from public.t")["M"]
    run("rollback")
    assert run("select a from public.t") == []


@pytest.mark.rig
def test_a_client_that_checks_certificates_needs_their_authority(
    redshift: Redshift, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    database = redshift.new_database()
    (tmp_path / "none.pem").write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))

    with pytest.raises(InterfaceError, match="certificate verify failed"):
        redshift.connect(database)
    with pytest.raises(Error, match="SSL"):
        redshift.connect(database, ssl=False)


# Two transactions at once.


@either
def test_a_transaction_sees_what_was_committed_before_it(connect: Connect) -> None:
    one, other = connect(), connect()
    one("create table public.t (a integer)")
    one("begin")
    assert one("select count(*) from public.t") == [(0,)]
    other("insert into public.t values (1)")
    assert one("select count(*) from public.t") == [(0,)]
    one("commit")
    assert one("select count(*) from public.t") == [(1,)]


@either
def test_a_writer_waits_for_another_one_of_its_table(connect: Connect) -> None:
    one, other = connect(), connect()
    one("create table public.t (a integer)")
    one("begin")
    one("insert into public.t values (1)")
    other("begin")
    waiting = threading.Thread(target=other, args=["insert into public.t values (2)"])
    waiting.start()
    waiting.join(LATER)
    assert waiting.is_alive()
    assert connect()("select count(*) from public.t") == [(0,)]  # readers don't wait
    one("commit")
    waiting.join()
    other("commit")
    assert other("select a from public.t order by a") == [(1,), (2,)]


def test_writers_of_one_table_do_not_block_each_other_for_ever(connect: Connect) -> None:
    connect()("create table public.t (a integer, b integer)")
    connect()("insert into public.t values (0, 0), (1, 0)")

    def write(row: int) -> None:
        run = connect()
        for number in range(20):
            run("begin")
            # Another text each time, since the driver prepares one only once.
            run(f"update public.t set b = b + 1 where a = {row} and b = {number}")
            run("commit")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, (0, 1)))
    assert connect()("select b from public.t") == [(20,), (20,)]


@pytest.mark.parametrize("rows", ["same", "different"])
@either
def test_two_updates_of_one_table(
    connect: Connect, rows: str, request: pytest.FixtureRequest
) -> None:
    one, other = connect(), connect()
    one("create table public.t (a integer, b integer)")
    one("insert into public.t values (1, 0), (2, 0)")
    one("begin")
    one("update public.t set b = 1 where a = 1")
    other("begin")
    other("select count(*) from public.t")
    one("commit")
    update = f"update public.t set b = 2 where a = {1 if rows == 'same' else 2}"
    if rows == "same" or "serializable" in request.node.name:
        assert conflicts(other.error(update) if rows == "same" else ends_badly(other, update))
    else:
        other(update)
        other("commit")


@serializable
def test_transactions_that_no_order_explains_get_error_1023(connect: Connect) -> None:
    one, other = connect(), connect()
    one("create table public.t (a integer)")
    for run in (one, other):
        run("begin")
        run("select max(a) from public.t")
    one("insert into public.t values (1)")
    one("commit")
    assert conflicts(ends_badly(other, "insert into public.t values (1)"))


@either
def test_a_lock_taken_first_lets_the_next_transaction_see_the_last(connect: Connect) -> None:
    one, other = connect(), connect()
    one("create table public.t (a integer)")
    one("create table public.held (a boolean)")
    one("begin")
    one("lock table public.held")
    assert one("select max(a) from public.t") == [(None,)]
    one("insert into public.t values (1)")
    other("begin")
    waiting = threading.Thread(target=other, args=["lock table public.held"])
    waiting.start()
    waiting.join(LATER)
    assert waiting.is_alive()
    one("commit")
    waiting.join()
    assert other("select max(a) from public.t") == [(1,)]
    other("insert into public.t values (2)")
    other("commit")


def ends_badly(run: Connection, sql: str) -> dict[str, str]:
    """The error of a statement, or of the commit after it."""
    try:
        run(sql)
    except Error as error:
        fields: dict[str, str] = error.args[0]
        return fields
    return run.error("commit")


def conflicts(fields: dict[str, str]) -> bool:
    return (fields["C"], fields["M"]) == ("XX000", "1023") and "Serializable" in fields["D"]


def test_the_server_refuses_what_the_rig_does(connect: Connect) -> None:
    run = connect()
    run("create schema s")
    for table in ("t", "t2"):
        run(f"create table s.{table} (a bigint, b bigint, c varchar(3), d timestamp)")
    taken = []
    for sql in REFUSED:
        try:
            run(sql)
        except Error:
            continue
        taken.append(sql)
    # What Redshift has, and the project has no use for, is refused by the rig alone.
    assert set(taken) <= UNUSED
