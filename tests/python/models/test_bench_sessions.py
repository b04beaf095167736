"""The bench of sessions compares equal things, and counts what a watermark leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import past
import sessions as bench
from support.built import Built

SCHEMAS = ("whole", "arriving", "recent", "restitched", "everything")


@pytest.fixture(scope="module")
def cursor(builds: dict[str, Built]) -> Iterator[Any]:
    """A cursor in a warehouse whose events the other side has built in schema `whole`."""
    connection = past.connect(builds["postgres"].environment)
    with connection.cursor() as opened:
        bench.build(opened, "whole", bench.Setting("3 days", restitch=False))
        yield opened
        opened.execute(f"drop schema if exists {', '.join(SCHEMAS)} cascade")
    connection.close()


def whole(table: str) -> str:
    return f"whole.{table}"


def test_a_full_build_of_either_side_gives_the_same_rows(cursor: Any) -> None:
    cursor.execute("select count(*) from whole.page_views")
    assert cursor.fetchall() > [(1_000,)]
    assert bench.compared(cursor, "whole", bench.mart) == dict.fromkeys(bench.TABLES, 0)

    cursor.execute("begin")
    cursor.execute("update whole.persons set session_count = session_count + 1")
    cursor.execute("delete from whole.sessions where session_number = 1")
    differ = bench.compared(cursor, "whole", bench.mart)
    cursor.execute("select count(*) from whole.persons")
    [(persons,)] = cursor.fetchall()
    cursor.execute("rollback")
    assert differ["page_views"] == 0
    assert differ["persons"] == persons
    assert differ["sessions"] > 100


def test_what_arrives_beyond_the_lookback_is_missed(cursor: Any) -> None:
    # Of the first marketplace, two years before the last: a link, and a page view of someone else.
    cursor.execute(
        "select event_id, previous_id from landed.identity_linked"
        " where method = 'sign_up' order by occurred_at limit 1"
    )
    [(link, linked)] = cursor.fetchall()
    cursor.execute(
        "select event_id from landed.page_viewed"
        " where anonymous_id <> %s order by occurred_at limit 1",
        [linked],
    )
    [(view,)] = cursor.fetchall()
    held_back = {"page_viewed": view, "identity_linked": link}
    settings = {
        "recent": bench.Setting("3 days", restitch=False),
        "restitched": bench.Setting("3 days", restitch=True),
        "everything": bench.Setting("5 years", restitch=False),
    }
    cursor.execute("create schema arriving")
    for table, event in held_back.items():
        cursor.execute(
            f"create table arriving.{table} as select * from landed.{table} where event_id <> %s",
            [event],
        )
    for schema, setting in settings.items():
        bench.build(cursor, schema, setting, "arriving")
    for table, event in held_back.items():
        late = f"select * from landed.{table} where event_id = %s"
        cursor.execute(f"insert into arriving.{table} {late}", [event])
    differ = {}
    for schema, setting in settings.items():
        bench.run(cursor, schema, setting, "arriving")
        differ[schema] = bench.compared(cursor, schema, whole)
    assert differ["everything"] == dict.fromkeys(bench.TABLES, 0)
    assert all(differ["restitched"].values()), differ
    assert differ["recent"]["page_views"] > differ["restitched"]["page_views"]


def test_the_events_are_cut_by_arrival(builds: dict[str, Built], tmp_path: Path) -> None:
    folder = builds["postgres"].folders[0]
    first, second = bench.cut(folder, tmp_path, [300, 40])
    lines = first.read_bytes().splitlines() + second.read_bytes().splitlines()
    assert len(lines) == 340
    assert all(any(event in line for event in bench.EVENTS) for line in lines)
    with pytest.raises(SystemExit, match="events too few: more --candidates"):
        bench.cut(folder, tmp_path, [10_000_000])


def test_the_table_has_the_median_increment() -> None:
    differ = dict.fromkeys(bench.TABLES, 0) | {"sessions": 1_234}
    text = bench.table([bench.Result("by batch", 10.04, [1.0, 9.0, 2.0], 0.9, 0.5, differ)])
    assert text.splitlines()[-1] == "| by batch | 10.0 | 2.0 | 0.9 | 0.5 | 0 | 1,234 | 0 |"
