"""Incremental equals full refresh also where a contract changes in the middle of the history."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import pytest

from hirehouse.contracts.model import ROOT
from hirehouse.landing.land import land
from hirehouse.warehouse.connections import open_warehouse
from support.histories import History, Sent, histories
from support.marts import MakeEnvironment
from support.sequences import KEPT, Stage, copied
from support.steps import Step

SEED = 5
HISTORIES = 200
PAST = datetime(2026, 11, 1)
CHANGED = 3  # the batch from which producers use the new contract
STEPS = [
    Step("land", 1),
    Step("run"),
    Step("land", 2),
    Step("change"),
    Step("land", 3),
    Step("run"),
    Step("during run", 4),
    Step("run"),
]
COLUMN = """\
          - name: {name}
            description: {about}.
            data_type: {kind}
            config: {{meta: {{{rules}}}}}
"""
# Events that count more than once, though none of the histories sends one anew after 30 days.
# What comes again later than that is an event of its own.
DOUBLED = """\
select count(*) from (
    select event_id from {schema}.stg_hiring__offer_extended group by 1
    having count(*) > 1 and max(occurred_at) <= min(occurred_at) + interval '30' day
) as doubled
"""


class ChangingStage(Stage):
    """A stage with a copy of the whole project, whose contracts change at the step `change`."""

    def __init__(
        self,
        environment: dict[str, str],
        folder: Path,
        change: Callable[[Path], None],
        only: list[str],
    ) -> None:
        self.change = change
        self.is_changed = False
        root = copied_whole(folder / "project")
        super().__init__(environment, folder, root, only)

    def _take(self, step: Step, lines: list[bytes], name: str, choice: random.Random) -> None:
        if step.what == "change":
            self.change(self.root)
            self.is_changed = True
            says(self.root, "contracts", "check", variables=self.environment)
            self.parse()
        else:
            super()._take(step, lines, name, choice)

    def _land(self, lines: list[bytes], name: str, failed: int = 0) -> None:
        path = self.place / f"{name}.ndjson"
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        if not self.is_changed:  # the contracts of the copy are those of this process
            with open_warehouse() as warehouse:
                early = land([path], warehouse)
            assert (early.events, early.failed) == (len(lines) - failed, failed), early
            return
        said = says(self.root, "land", "--json", str(path), variables=self.environment)
        landed = json.loads(said)
        assert (landed["events"], landed["failed"]) == (len(lines) - failed, failed), landed


def copied_whole(folder: Path) -> Path:
    """A copy of the dbt project and of the package, to change; returns its folder."""
    root = copied(folder)
    shutil.copytree(ROOT / "scripts" / "hirehouse", root / "scripts" / "hirehouse")
    return root


def says(
    root: Path, *arguments: str, code: int = 0, variables: Mapping[str, str] = MappingProxyType({})
) -> str:
    """What the command of a copy prints: it is the folder it lies in whose contracts count."""
    done = subprocess.run(
        [sys.executable, "-c", "from hirehouse.commands.main import main; main()", *arguments],
        env={**os.environ, **variables, "PYTHONPATH": str(root / "scripts")},
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def edit(path: Path, right: str, wrong: str) -> None:
    """Replace a text that a file has once."""
    text = path.read_text()
    assert text.count(right) == 1, f"{path}: {right!r}"
    path.write_text(text.replace(right, wrong))


def append(path: Path, text: str) -> None:
    """Add to the end of a file."""
    path.write_text(path.read_text() + text)


def add_column(root: Path) -> None:
    """A new optional property: its contract tells of it."""
    folder = root / "models" / "staging" / "employer_app"
    about = {"name": "seniority", "about": "How senior the person should be"}
    kind = {"kind": "varchar(10)", "rules": "enum: [junior, senior]"}
    append(folder / "position_opened.yml", COLUMN.format(**about, **kind))


def add_version(root: Path) -> None:
    """A second version: a property with another name, one more, and one that is gone."""
    folder = root / "models" / "staging" / "hiring"
    first = (folder / "offer_extended.yml").read_text()
    second, _, _ = first.partition("          - name: expires_on\n")
    (folder / "offer_extended_v2.yml").write_text(second)
    for right, wrong in (
        ("- name: offer_extended\n", "- name: offer_extended_v2\n"),
        ("version: 1", "version: 2"),
        ("- name: base_salary\n", "- name: yearly_salary\n"),
    ):
        edit(folder / "offer_extended_v2.yml", right, wrong)
    bonus = {"name": "signing_bonus", "about": "Paid once, in whole units of `currency`"}
    append(
        folder / "offer_extended_v2.yml",
        COLUMN.format(**bonus, kind="integer", rules="minimum: 0"),
    )
    model = folder / "stg_hiring__offer_extended.sql"
    versions = "{'offer_extended_v2': {'base_salary': 'yearly_salary'}}"
    edit(model, "'offer_extended')", f"'offer_extended', {versions})")
    listed = root / "macros" / "landing" / "event_sources.sql"
    edit(listed, "'offer_extended'", "'offer_extended', 'offer_extended_v2'")


def with_column(one: Sent, choice: random.Random) -> Sent:
    """An opened position as producers send it from the change on; some are ahead of it."""
    if one.event != "position_opened" or (one.batch < CHANGED - 1 or choice.random() < 0.3):
        return one
    seniority = choice.choice(["junior", "senior", None])
    return replace(one, properties={**one.properties, "seniority": seniority})


def in_version(one: Sent, choice: random.Random) -> Sent:
    """An offer as producers send it from the change on, most of them in the new version."""
    if one.event != "offer_extended" or one.batch < CHANGED or choice.random() < 0.3:
        return one
    properties = {**one.properties, "schema_version": 2, "signing_bonus": choice.choice([0, 500])}
    properties["yearly_salary"] = properties.pop("base_salary", None)
    properties.pop("expires_on", None)
    return replace(one, properties=properties)


def changed() -> list[History]:
    """Generated histories whose producers change in their middle, and then send some again."""
    choices = [(change, random.Random(SEED)) for change in (with_column, in_version)]
    found = []
    for whole in histories(4, HISTORIES, SEED):
        # The command that lands them takes none that was received in the future.
        history = [one for one in whole if one.at + timedelta(seconds=one.delay or 0) < PAST]
        again = [replace(one, batch=CHANGED) for one in history if one.batch < CHANGED]
        sent = [*history, *again[:3]]
        for change, choice in choices:
            sent = [change(one, choice) for one in sent]
        found.append(tuple(sent))
    return found


@pytest.fixture(params=["duckdb", pytest.param("postgres", marks=pytest.mark.every)])
def make_stage(
    request: pytest.FixtureRequest, make_environment: MakeEnvironment, tmp_path: Path
) -> Callable[[Callable[[Path], None], str], ChangingStage]:
    """A function that makes a stage of each engine for a change, with models and their inputs."""

    def make(change: Callable[[Path], None], *models: str) -> ChangingStage:
        environment = make_environment(request.param, tmp_path)
        return ChangingStage(environment, tmp_path, change, [*models])

    return make


MakeStage = Callable[..., ChangingStage]


def test_a_new_column_and_a_new_version_keep_the_property(make_stage: MakeStage) -> None:
    def change(root: Path) -> None:
        add_column(root)
        add_version(root)

    stage = make_stage(change, "int_position_versions", "int_offers")
    assert not stage.play(changed(), STEPS)

    # The column.
    found = dict(
        stage.query(
            "select batch_id, count(seniority)"
            f" from {KEPT}.stg_employer_app__position_opened group by batch_id"
        )
    )
    # What came before the raw table had the column is in landed.unknown_properties.
    assert [bool(found[batch]) for batch in (1, 2, 3, 4)] == [False, False, True, True]
    assert stage.query("select 1 from landed.unknown_properties where name = 'seniority'")

    # The version.
    [(lifted, first)] = stage.query(
        "select count(case when base_salary = yearly_salary then 1 end),"
        " count(case when yearly_salary is null and base_salary is not null then 1 end)"
        f" from {KEPT}.stg_hiring__offer_extended"
    )
    assert lifted > 3
    assert first > 3
    # An event that comes in both versions is a copy, too.
    [(copies,)] = stage.query(
        "select count(*) from landed.offer_extended as one"
        " inner join landed.offer_extended_v2 as two on one.event_id = two.event_id"
    )
    assert copies > 3
    assert stage.query(DOUBLED.format(schema=KEPT)) == [(0,)]


@pytest.mark.every
def test_a_copy_that_stays_in_another_version_is_noticed(make_stage: MakeStage) -> None:
    def apart(root: Path) -> None:
        add_version(root)
        path = root / "macros" / "landing" / "copies.sql"
        edit(path, "setdefault(table.event,", "setdefault(table.event ~ '_v' ~ table.version,")

    stage = make_stage(apart, "stg_hiring__offer_extended")
    stage.play(changed(), STEPS)
    [(doubled,)] = stage.query(DOUBLED.format(schema=KEPT))
    assert doubled > 10
