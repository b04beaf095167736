"""`hirehouse failures`: inspecting, patching and replaying failed events, with exact counts."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hirehouse.commands.main import app
from hirehouse.landing.land import land
from hirehouse.warehouse.connections import open_warehouse
from support.events import event, line, write

pytestmark = pytest.mark.redshift

COMMITTED = "batch_id in (select batch_id from landed.batches where committed_at is not null)"
RECEIVED = datetime(2026, 3, 2, 9, 30, 1)


def failures(*arguments: str, code: int = 0) -> Result:
    """Run a command; AssertionError with its output if the exit code is another."""
    done = CliRunner().invoke(app, ["failures", *arguments])
    assert done.exit_code == code, done.output + repr(done.exception)
    return done


def answer(*arguments: str, code: int = 0) -> Any:
    """What a command prints with --json."""
    return json.loads(failures(*arguments, "--json", code=code).stdout)


def listed(*arguments: str) -> dict[tuple[str, str], int]:
    """Counts by rule and pointer."""
    return {(row["rule"], row["pointer"]): row["failures"] for row in answer("list", *arguments)}


def named(rule: str, what: str = "fingerprint", *arguments: str) -> str:
    """The fingerprint, or the example, of the only group that breaks a rule."""
    [row] = [row for row in answer("list", *arguments) if row["rule"] == rule]
    return str(row[what])


def rows(sql: str) -> list[tuple[Any, ...]]:
    with open_warehouse() as warehouse:
        return warehouse.query(sql)


def events() -> list[str]:
    """The ids of what has landed, in order."""
    sql = f"select event_id from landed.interview_requested where {COMMITTED}"
    return [name for (name,) in rows(f"{sql} order by event_id")]


def without(member: str, document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != member}


LINES = [
    line(event(1)),
    *(line(event(number, currency="XXX")) for number in (2, 3, 4)),
    line(event(5, base_salary=-5, currency="XXX")),
    line(without("messageId", event(6))),
    b'{"broken": 7',
    line(event(8)).replace(b'"currency":', b'"currency":"EUR","currency":'),
    line(event(9, note="x" * 40_000)),
    line(event(10, base_salary=-1)),
]


pytestmark = pytest.mark.usefixtures("landed")


@pytest.fixture
def landed(environment: dict[str, str], tmp_path: Path) -> Path:
    """A file of ten lines, of which one has landed."""
    file = write(tmp_path / "a.ndjson", LINES)
    with open_warehouse(environment["HIREHOUSE_TARGET"]) as warehouse:
        result = land([file], warehouse)
    assert (result.events, result.failed) == (1, 9)
    return file


def test_list_groups_failures_by_event_rule_and_pointer() -> None:
    currency, salary = "/properties/currency", "/properties/base_salary"
    everything = {
        ("enum", currency): 3,
        ("minimum", salary): 2,
        ("message_id", "/messageId"): 1,
        ("json", ""): 1,
        ("duplicate_key", currency): 1,
        ("size", ""): 1,
    }
    assert listed() == everything
    assert listed("--rule", "enum") == {("enum", currency): 3}
    assert listed("--event", "no_such") == {}
    # An unreadable event has no receivedAt: the time of landing stands for it.
    early = listed("--until", "2026-03-02T09:30:02")
    assert early == {k: n for k, n in everything.items() if k[0] not in ("json", "size")}
    assert listed("--since", "2026-03-02T09:30:02") == {("json", ""): 1, ("size", ""): 1}
    [row] = answer("list", "--rule", "enum")
    assert (row["event"], row["library"]) == ("interview_requested", "analytics-python")
    shown = failures("list").stdout
    assert row["fingerprint"] in shown
    assert row["example"][:12] in shown
    assert "XXX" not in shown  # a value may be private
    assert failures("list", "--status", "replayed").stdout == "no failed events\n"


def test_show_prints_the_whole_failure() -> None:
    failure_id = named("enum", "example")
    it = answer("show", failure_id[:12], "--values")
    assert it["failure_id"] == failure_id
    assert it["original"].encode() == LINES[3]
    assert it["line"] == 4
    [reason] = it["reasons"]
    assert reason["expected"] == '["USD","GBP","EUR","CAD"]'
    assert (it["version"], it["version_today"], it["reasons_today"]) == (1, 1, it["reasons"])
    shown = failures("show", failure_id).stdout
    for text in ('"XXX"', '["USD","GBP","EUR","CAD"]', "line 4", "version 1 then, 1 now", "same"):
        assert text in shown
    it = answer("show", named("json", "example"), "--values")
    assert it["original"] == '{"broken": 7'
    assert '{"broken": 7\n' in failures("show", it["failure_id"], "--values").stdout


def test_a_patched_event_lands_once_when_replayed(landed: Path) -> None:
    fingerprint = named("enum")
    change = ("patch", "--fingerprint", fingerprint, "--set", "/properties/currency=USD")
    tried = failures(*change, "--dry-run").stdout
    assert '- /properties/currency: "XXX"\n+ /properties/currency: "USD"\n' in tried
    assert "It conforms now.\n3 patched (dry run: nothing is written)" in tried
    assert rows("select count(*) from landed.failure_actions") == [(0,)]
    assert answer(*change)["patched"] == 3
    assert failures(*change).stdout.endswith("3 patched, batch 3\n")  # again is a change, too
    assert events() == ["m-0000001"]

    before = datetime.now() - timedelta(days=1)
    done = answer("replay", "--fingerprint", fingerprint, "--by", "ana")
    assert (done["replayed"], done["fails"], done["batches"]) == (3, [], [4])
    assert events() == [f"m-000000{number}" for number in (1, 2, 3, 4)]
    clocks = rows(
        "select received_at, replayed_at, currency, batch_id from landed.interview_requested"
        " where event_id > 'm-0000001'"
    )
    assert [(r, c, b) for r, _, c, b in clocks] == [(RECEIVED, "USD", 4)] * 3
    assert all(replayed_at > before for _, replayed_at, _, _ in clocks)
    assert rows(
        "select line_count, event_count, failed_count from landed.batches where batch_id = 4"
    ) == [(3, 3, 0)]

    assert answer("replay", "--all", code=1)["refused"] == 6
    assert len(events()) == 4
    with open_warehouse() as warehouse:
        land([landed], warehouse)
        land([write(landed.with_name("more.ndjson"), LINES)], warehouse)
    assert len([name for name in events() if name != "m-0000001"]) == 3
    it = answer("show", named("enum", "example", "--status", "replayed"), "--values")
    assert [(h["actor"] == "ana", h["action"]) for h in it["history"]] == [
        (False, "patched"),
        (False, "patched"),
        (True, "replayed"),
    ]
    assert it["original"].encode() == LINES[3]


def test_an_event_that_still_fails_keeps_its_new_reason() -> None:
    [failure_id] = [
        r
        for (r,) in rows("select failure_id from landed.failed_events where event_id = 'm-0000005'")
    ]
    done = failures("patch", failure_id, "--set", "/properties/base_salary=7").stdout
    assert "It still fails" in done
    assert "enum" in done
    failed = answer("replay", failure_id, code=1)
    assert failed["fails"] == [{"rule": "enum", "pointer": "/properties/currency", "count": 1}]
    assert (failed["refused"], len(failed["batches"])) == (1, 1)
    [group] = answer("list", "--rule", "minimum")
    assert (group["failures"], group["refused_for"]) == (2, "enum /properties/currency")
    assert "replayed: enum" in failures("list").stdout
    it = answer("show", failure_id)
    assert it["status"] == "patched"
    assert [reason["rule"] for reason in it["reasons"]] == ["minimum", "enum"]
    assert (it["history"][-1]["action"], it["history"][-1]["rule"]) == ("refused", "enum")
    # A later change adds to the earlier one.
    failures("patch", failure_id, "--set", '/properties/currency="GBP"')
    assert answer("replay", failure_id)["replayed"] == 1
    assert rows(
        "select base_salary, currency from landed.interview_requested where event_id = 'm-0000005'"
    ) == [(7, "GBP")]


def test_clear_undoes_a_patch() -> None:
    failure_id = named("enum", "example")
    failures("patch", failure_id, "--set", "/properties/currency=USD")
    assert listed("--status", "patched") == {("enum", "/properties/currency"): 1}
    failures("patch", failure_id, "--clear")
    assert listed("--status", "patched") == {}
    assert "nothing to change" in failures("patch", failure_id, "--clear", code=1).stderr
    failures("replay", failure_id, code=1)
    assert events() == ["m-0000001"]


def test_an_event_without_message_id_gets_its_failure_id() -> None:
    failure_id = named("message_id", "example")
    failures("patch", failure_id)
    assert answer("replay", failure_id)["replayed"] == 1
    assert events() == [failure_id, "m-0000001"]


def test_an_original_that_is_not_json_needs_a_patch_of_all_of_it(tmp_path: Path) -> None:
    patch = tmp_path / "patch.json"
    for rule, number in (("json", 7), ("duplicate_key", 8)):
        failure_id = named(rule, "example")
        wrong = failures("patch", failure_id, "--set", "/properties/currency=USD", code=1)
        assert "replaces all of it" in wrong.stderr
        patch.write_text(json.dumps([{"op": "replace", "path": "", "value": event(number)}]))
        failures("patch", failure_id, "--file", str(patch))
        assert answer("replay", failure_id)["replayed"] == 1
    failure_id = named("size", "example")
    failures("patch", failure_id, "--remove", "/properties/note")
    failures("replay", failure_id)
    assert events() == [f"m-000000{number}" for number in (1, 7, 8, 9)]
    # Without receivedAt, it was received when the file landed.
    assert answer("list", "--status", "replayed", "--rule", "size")[0]["failures"] == 1


def test_restore_undoes_discard() -> None:
    fingerprint = named("enum")
    assert answer("discard", "--fingerprint", fingerprint, "--reason", "a test")["discarded"] == 3
    assert ("enum", "/properties/currency") not in listed()
    failure_id = named("enum", "example", "--status", "discarded")
    assert answer("replay", failure_id)["skipped"] == {failure_id: "discarded"}
    assert answer("show", failure_id)["history"][-1]["reason"] == "a test"
    assert answer("restore", failure_id)["restored"] == 1
    assert answer("restore", failure_id)["skipped"] == {failure_id: "open"}
    assert listed()["enum", "/properties/currency"] == 1
    assert rows("select count(*) from landed.failed_events") == [(9,)]


WRONG = [
    (["replay"], "by ids or by exactly one"),
    (["replay", "abc", "--all"], "by ids or by exactly one"),
    (["replay", "zzz"], "no failed event has an id beginning with"),
    (["replay", ""], "several failed events have ids"),
    (["patch", "--fingerprint", "0"], "no failed event has the fingerprint '0'"),
    (["patch", "abc", "--set", "currency=1"], "must be a JSON pointer and a value"),
    (["patch", "abc", "--clear", "--remove", "/a"], "excludes other changes"),
    (["discard", "abc"], "Missing option '--reason'"),
    (["show"], "Missing argument"),
    (["list", "--status", "lost"], "'lost' is not one of"),
]


def test_wrong_usage_names_the_right_one() -> None:
    for arguments, said in WRONG:
        output = failures(*arguments, code=2).output
        assert said in " ".join(output.replace("│", " ").split())
    assert rows("select max(batch_id) from landed.batches") == [(1,)]


def test_a_change_that_cannot_be_applied_is_reported_and_others_are_made(tmp_path: Path) -> None:
    failure_id = named("enum", "example")
    for change in ("--remove=/properties/absent", "--set=/absent/member=1", "--set=/event/x=1"):
        assert "the patch can't be applied" in failures("patch", failure_id, change, code=1).stderr
    (tmp_path / "p").write_text('[{"op": "repair", "path": "/a"}]')
    wrong = failures("patch", failure_id, "--file", str(tmp_path / "p"), code=2)
    assert "not a JSON Patch" in wrong.output
    failures("patch", failure_id, "--set", "/properties/note=1")
    done = failures(
        *("patch", "--fingerprint", named("enum"), "--remove", "/properties/note"), code=1
    )
    assert "1 patched" in done.stdout
    assert "(2 failed events)" in done.stderr


def test_trace_finds_an_event_from_its_file_on(landed: Path) -> None:
    def traced(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["trace", *arguments])
        assert done.exit_code == code, done.output
        return done.output

    said = traced("m-0000001", "--spool", str(landed.parent))
    assert f"{landed}: line 1\n" in said
    assert f"landed.interview_requested, batch 1, row 1: from {landed}, line 1\n" in said
    failure_id = named("enum", "example")
    where = f"failed in batch 1: {landed}, line 4: enum at /properties/currency; open\n"
    assert where == traced("m-0000004") == traced(failure_id[:10])
    [step] = json.loads(traced(failure_id, "--json"))
    assert step["failure_id"] == failure_id
    assert "no trace of m-11" in traced("m-11", code=1)
