"""Texts of producers can't write to a terminal or a log what they like, nor break a command."""

from __future__ import annotations

import json
import re
import shutil
import unicodedata
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hirehouse.commands.main import app
from hirehouse.commands.shared import HIDDEN, shown
from hirehouse.contracts.model import ROOT
from hirehouse.landing.land import land
from hirehouse.warehouse.connections import open_warehouse
from support.events import event, line, write

# Markup of rich, a link, an emoji code, ESC, CSI of C1, a carriage return, a line that poses as
# a message, a turn of direction, and blanks of no width.
HOSTILE = (
    "[/foo][link=http://x.example]a[/link] :boom: \x1b[31m \x9b2J"
    " \r\nerror: forged \u202e\u200b\ufeff"
)
ESCAPED = (
    r"[/foo][link=http://x.example]a[/link] :boom: \x1b[31m \x9b2J"
    r" \r\nerror: forged \u202e\u200b\ufeff"
)


def flat(text: str) -> str:
    """A text without blanks, as the cells of a table are wrapped."""
    return "".join(text.split())


def said(*arguments: object, codes: tuple[int, ...] = (0,), text: bytes | None = None) -> str:
    """What a command prints on both streams, which has nothing hidden in it."""
    done = CliRunner().invoke(app, [*map(str, arguments)], input=text, terminal_width=200)
    assert done.exit_code in codes, done.output + repr(done.exception)
    hidden = {c for c in done.output if unicodedata.category(c) in HIDDEN} - {"\n"}
    assert not hidden, (arguments, hidden, done.output)
    assert "\nerror: forged" not in done.output
    return done.output


def test_what_is_hidden_is_escaped_and_all_else_is_as_it_was() -> None:
    assert shown(HOSTILE) == ESCAPED
    assert shown("a\nb\tc\x7f\ud83d", keep="\n") == "a\nb\\tc\\x7f\\ud83d"
    plain = "É 漢字 🙂 \u00a0 \\x1b [bold] :smile:"
    assert shown(plain) == plain


@pytest.mark.one_engine
@pytest.mark.usefixtures("environment")
def test_no_command_obeys_or_breaks_on_a_text_of_a_producer(tmp_path: Path) -> None:
    wrong = event(1, currency=HOSTILE[:40], **{HOSTILE: HOSTILE})
    wrong |= {"messageId": HOSTILE, "userId": HOSTILE}
    wrong["context"] = {"library": {"name": HOSTILE}, "app": {"version": HOSTILE[:40]}}
    named = event(2) | {"event": HOSTILE, "messageId": "m-2"}
    private = event(4) | {"event": "candidate_signed_up", "messageId": "m-4"}
    private["properties"] = {"candidate_id": "c", "email": HOSTILE, "source": HOSTILE}
    texts = [line(one) for one in (wrong, named, event(3, **{HOSTILE: HOSTILE}), private)]
    texts.append(HOSTILE.replace("\n", "").encode() + b"{")
    file = write(tmp_path / f"{HOSTILE.replace('/', '')}.ndjson", texts)
    assert shown(tmp_path / "none") in said("land", tmp_path / "none" / HOSTILE, codes=(2,))
    said("land", file)
    broken = file.with_suffix(".ndjson.gz")
    broken.write_bytes(b"\x1f\x8bno")
    said("land", broken, codes=(1,))
    broken.unlink()

    listed = said("failures", "list")
    assert r"\x1b" in listed
    groups = json.loads(said("failures", "list", "--json"))
    assert HOSTILE in {group["event"] for group in groups}
    assert HOSTILE in {group["library"] for group in groups}
    ids = [group["example"] for group in groups]
    assert len(ids) == 4
    for failure_id in ids:
        said("failures", "show", failure_id)
        said("failures", "show", failure_id, "--values")
        it = json.loads(said("failures", "show", failure_id, "--values", "--json"))
        assert it["original"].encode() in texts
    said("failures", "patch", ids[0], "--set", f"/properties/{HOSTILE}/a=1", codes=(1,))
    said("failures", "patch", ids[0], "--remove", f"/{HOSTILE}", codes=(1,))
    said("failures", "patch", ids[1], "--set", f"/note={HOSTILE}", codes=(0, 1))
    said("failures", "discard", ids[1], "--reason", HOSTILE, "--by", HOSTILE)
    said("failures", "restore", ids[1], "--reason", HOSTILE)
    said("failures", "show", ids[1])
    said("failures", "replay", "--all", codes=(1,))
    listed = said("failures", "list")
    assert "replayed:" in listed
    for group in groups:
        assert group["fingerprint"] in listed
        assert group["example"][:12] in listed
    unknown = said("failures", "list", "--unknown")
    assert r"\x1b" in unknown
    said("failures", "list", "--unknown", "--values")
    [group] = json.loads(said("failures", "list", "--unknown", "--values", "--json"))
    assert (group["property"], json.loads(group["example"])) == (HOSTILE, HOSTILE)
    said("failures", "replay", "--unknown")
    for wanted in (HOSTILE, "m-2", ids[0]):
        said("trace", wanted, "--spool", tmp_path)
    assert f"no{ESCAPED[:40]}" in said("trace", f"no{HOSTILE}", codes=(1,))
    said("failures", "show", HOSTILE, codes=(2,))
    said("failures", "list", "--event", HOSTILE)


def test_contracts_and_backfills_escape_what_they_quote(tmp_path: Path) -> None:
    root = tmp_path / "[bold]"
    for part in ("models/staging", "models/docs"):
        shutil.copytree(ROOT / part, root / part)
    for name in ("dbt_project.yml", "seeds"):
        (root / name).symlink_to(ROOT / name)
    contract = root / "models/staging/employer_app/position_closed.yml"
    text = re.sub(
        "description: .*", lambda _: f"description: {json.dumps(HOSTILE)}", contract.read_text()
    )
    contract.write_text(text)
    described = flat(ESCAPED.replace(r"\r\n", ""))
    for arguments in (["list"], ["show", "position_closed"]):
        assert described in flat(said("contracts", *arguments, "--root", root))
    contract.write_text(text.replace("varchar(64)", json.dumps(HOSTILE)))
    for command in ("check", "list"):
        assert ESCAPED[-20:] in said("contracts", command, "--root", root, codes=(1,))
    said("contracts", "show", HOSTILE, codes=(2,))

    rows = tmp_path / f"{HOSTILE.replace('/', '')}.csv"
    rows.write_text(f'name\n"{HOSTILE}"\n', newline="")
    mapping = tmp_path / "mapping.sql"
    for select in (
        "name as event, now() as occurred_at",
        "'position_closed' as event, cast(name as timestamp) as occurred_at",
        "'position_closed' as event, now() as occurred_at, name as position_id, name as reason",
        "'position_closed' as event, now() as occurred_at, name as message_id, 1 as nothing",
    ):
        mapping.write_text(f"select source_row, {select} from source")
        out = said(
            "backfill", "--mapping", mapping, rows, "--no-land", "--out", tmp_path, codes=(1,)
        )
        assert "error: " in out


@pytest.mark.usefixtures("environment")
def test_an_event_with_an_empty_name_and_one_without_are_one_cause(tmp_path: Path) -> None:
    first, second = event(1) | {"event": ""}, event(2)
    del second["event"]
    with open_warehouse() as warehouse:
        assert land([write(tmp_path / "a.ndjson", [line(first), line(second)])], warehouse).failed
    [group] = json.loads(said("failures", "list", "--json"))
    assert (group["event"], group["failures"]) == (None, 2)
    assert group["fingerprint"] in said("failures", "list")
    assert group["example"][:12] in said("failures", "list")
    done = said(
        *("failures", "patch", "--fingerprint", group["fingerprint"]),
        "--set=/event=interview_requested",
    )
    assert "2 patched" in done
