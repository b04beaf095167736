"""scripts/lint runs every step, tells all that failed, and skips only what can't have changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from hirehouse.contracts.model import ROOT
from lint_steps import LINES, Lint, Step

# Writes down with which arguments it was called; fails if a file says so.
PROGRAM = """#!/usr/bin/env bash
echo "$@" >> calls
! grep --quiet bad "${@: -1}"
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "profiles.yml.example").write_text("")
    for name in ("one.sql", "two.sql", "common"):
        (tmp_path / "models").mkdir(exist_ok=True)
        (tmp_path / "models" / name).write_text("good")
    (tmp_path / "check").write_text(PROGRAM)
    (tmp_path / "check").chmod(0o755)
    return tmp_path


def step(*arguments: str, reads: tuple[str, ...] = (), each: tuple[str, ...] = ()) -> Step:
    return Step(("./check", *arguments), reads, each)


def calls(tree: Path) -> list[str]:
    """What has been called since the last time that this was asked."""
    path = tree / "calls"
    found = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return sorted(found)


def test_every_step_runs_and_the_failed_ones_are_told_together(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tree / "bad").write_text("bad")
    lines = [
        [step("a", "bad"), step("after", "models/common")],
        [step("b", "models/common")],
        [step("c", "bad")],
    ]
    assert Lint(tree).run(lines) == 3
    assert calls(tree) == ["a bad", "b models/common", "c bad"]
    said = capsys.readouterr().out
    last = said.splitlines()[-1]
    assert last.startswith("lint: 3 of 4 steps failed: ")
    assert set(last.partition("failed: ")[2].split(", ")) == {
        *("./check a bad", "./check after models/common", "./check c bad")
    }
    assert "not run ./check after models/common" in said


def test_a_step_is_skipped_until_what_it_reads_changes(tree: Path) -> None:
    lines = [[step("models/common", reads=("models",))], [step("always", "models/common")]]
    both = ["always models/common", "models/common"]
    assert Lint(tree).run(lines) == 0
    assert calls(tree) == both
    assert Lint(tree).run(lines) == 0
    assert calls(tree) == both[:1]
    assert Lint(tree, again=True).run(lines) == 0
    assert calls(tree) == both
    (tree / "models" / "three.sql").write_text("")
    assert Lint(tree).run(lines) == 0
    assert calls(tree) == both
    # What has failed runs again, whatever has changed.
    (tree / "models" / "common").write_text("bad")
    for _ in range(2):
        assert Lint(tree).run(lines) == 2
        assert calls(tree) == both


def test_of_many_files_those_that_changed_are_checked(tree: Path) -> None:
    lines = [[step(reads=("models/common",), each=("models",))]]
    one, two = "models/one.sql", "models/two.sql"
    assert Lint(tree).run(lines) == 0
    assert calls(tree) == [f"{one} {two}"]
    (tree / two).write_text("bad")
    for _ in range(2):
        assert Lint(tree).run(lines) == 1
        assert calls(tree) == [two]
    (tree / two).write_text("good again")
    assert Lint(tree).run(lines) == 0
    assert calls(tree) == [two]
    (tree / "models" / "common").write_text("changed")
    assert Lint(tree).run(lines) == 0
    assert calls(tree) == [f"{one} {two}"]


def test_what_steps_read_is_there() -> None:
    steps = [one for line in LINES for one in line]
    missing = [name for one in steps for name in one.reads if not (ROOT / name).exists()]
    assert missing == []
    assert len({one.name for one in steps}) == len(steps)
