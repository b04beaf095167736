"""kill -9 at any moment, or a model that fails, leaves no trace after the next run."""

from __future__ import annotations

import json
import random
import shutil
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from conftest import ALL_ENGINES, run_dbt, surrounded_by
from hirehouse.contracts.model import ROOT
from hirehouse.landing.failed_events import read_failed
from hirehouse.landing.inputs import Limits
from hirehouse.landing.land import land
from hirehouse.warehouse.connections import open_warehouse
from support.events import event, line, segment_name, write
from support.forks import MODELS, Fork, building, landing, running
from support.marts import Enter, MakeEnvironment
from support.scene import COMMITTED, Scene, check_readings
from support.servers import S3

RecordProperty = Callable[[str, object], None]
SMALL = Limits(lines=700, inputs=3)
KEYS = {
    "interview_requested": "event_id",
    "failed_events": "failure_id",
    "failed_event_bodies": "failure_id",
    "unknown_properties": "event_id",
}


def inputs(folder: Path) -> tuple[list[Path], list[bytes]]:
    """A large file and some small ones, with failures and unknown properties among the events."""
    folder.mkdir()
    files, wrong = [], []
    for number, count in enumerate((3_000, 40, 0, 900, 5, 5, 5)):
        lines = []
        for row in range(count):
            identity = number * 10_000 + row
            if row % 50 == 7:
                wrong.append(b'{"broken": %d' % identity)
                lines.append(wrong[-1])
            else:
                extra = {"unknown": row} if row % 50 == 9 else {}
                lines.append(line(event(identity, **extra)))
        files.append(write(folder / f"{number}.ndjson.gz", lines, packed=True))
    return files, wrong


def kill_landing(lander: Fork, batches: int, seconds: float) -> bool:
    """Kill a landing so many seconds after so many batches have begun; False if it was faster."""
    for _ in range(batches):
        lander.until("batch")
    time.sleep(seconds)
    return lander.kill()


@pytest.mark.redshift
@pytest.mark.parametrize("engine", ALL_ENGINES)
@pytest.mark.parametrize(
    ("seed", "kills"),
    [(0, 2), (1, 1), *(pytest.param(seed, 5, marks=pytest.mark.every) for seed in range(2, 7))],
)
def test_landings_killed_in_a_row_lose_and_double_nothing(
    engine: str,
    seed: int,
    kills: int,
    tmp_path: Path,
    enter: Enter,
    record_property: RecordProperty,
) -> None:
    files, wrong = inputs(tmp_path / "in")
    enter(engine)
    draw = random.Random(seed)
    done = 0
    for _ in range(kills):
        lander = Fork(landing(files, SMALL))
        # The start takes some tenths of a second, and so does a batch; there are seven.
        done += kill_landing(lander, draw.randrange(3), draw.uniform(0, 0.4))
    record_property("kills in landing", done)
    with open_warehouse(engine) as warehouse:
        land(files, warehouse, limits=SMALL)
        assert len(land(files, warehouse, limits=SMALL).inputs) == 1  # the empty one
        [(ids, highest)] = warehouse.query("select count(*), max(batch_id) from landed.batches")
        assert ids == highest  # an id is taken once and for all
        found = {
            table: [
                key
                for (key,) in warehouse.query(
                    f"select t.{key} from landed.{table} as t"
                    f" where t.batch_id in (select b.batch_id from {COMMITTED})"
                )
            ]
            for table, key in KEYS.items()
        }
        bodies = [read_failed(warehouse, key) for key in found["failed_events"]]
    assert sorted(bodies) == sorted(wrong)
    assert {name: len(keys) for name, keys in found.items()} == {
        "interview_requested": 3_955 - len(wrong),
        "failed_events": len(wrong),
        "failed_event_bodies": len(wrong),
        "unknown_properties": 79,
    }
    assert all(len(set(keys)) == len(keys) for keys in found.values())


# Models of every materialization, those of BROKEN among them.
SAMPLE: tuple[str, ...] = ("int_offers", "dim_candidates", "dim_positions", "mrr_monthly")
SMALL_SAMPLE = ("dim_candidates",)


@pytest.fixture(scope="module", params=ALL_ENGINES)
def scene(
    request: pytest.FixtureRequest,
    make_environment: MakeEnvironment,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scene]:
    """Parts of a marketplace: files for DuckDB, and segments on S3 for the others."""
    folder = tmp_path_factory.mktemp("scene")
    variables = make_environment(request.param, folder)
    store: Callable[[Path], str] = str
    if request.param != "duckdb":
        s3: S3 = request.getfixturevalue("storage")
        variables |= s3.environment()
        store = partial(store_on_s3, s3.client, f"scene-{request.param}")
    parts, only = (1, SMALL_SAMPLE) if request.param == "redshift" else (2, SAMPLE)
    if request.config.getoption("--all"):
        parts, only = 5, ()
    with surrounded_by(variables):
        yield Scene(request.param, folder, parts, only=only, store=store, any_batches=False)


def store_on_s3(client: Any, bucket: str, path: Path) -> str:
    """Put a file on S3 as the collector does; gives its URL."""
    content = path.read_bytes()
    key = segment_name(0, content)
    client.create_bucket(Bucket=bucket)
    client.put_object(Bucket=bucket, Key=key, Body=content)
    return f"s3://{bucket}/{key}"


def kill_build(scene: Scene, node: str, share: float) -> set[str]:
    """Kill a build within a node, after a share of the time that it usually takes.

    Returns:
        The nodes that were under way.
    """
    build = Fork(building(scene.dbt, *MODELS), mine=True)
    assert build.until(f"NodeStart {node}"), build.said[-40:]
    time.sleep(share * scene.seconds[node])
    assert build.kill()
    return running(build.said)


@pytest.mark.redshift
def test_kills_leave_no_trace(
    scene: Scene, request: pytest.FixtureRequest, record_property: RecordProperty
) -> None:
    """Landings and builds killed at random, part by part; then the undisturbed result."""
    everything = request.config.getoption("--all")
    landings, builds = (5, 10) if everything else (1, 1)
    draw = random.Random(scene.engine)
    order = list(scene.seconds)
    tables = scene.nodes("incremental", "table").keys()
    hit: set[str] = set()
    kills = {"landing": 0, "building": 0}
    readings: list[dict[str, int]] = []

    def kill_builds(count: int) -> None:
        """Kill within as many models, first of all those that no kill has met yet."""
        missed, others = sorted(tables - hit), sorted(tables & hit)
        chosen = draw.sample(missed, min(count, len(missed)))
        chosen += draw.sample(others, count - len(chosen))
        # In the order of the build: the next attempt finds done what came before.
        for node in sorted(chosen, key=order.index):
            hit.update(kill_build(scene, node, draw.uniform(0, 0.8)))
            kills["building"] += 1
            readings.append(scene.rows())

    scene.empty()
    for part in scene.parts:
        for _ in range(landings):
            lander = Fork(landing([part]))
            kills["landing"] += kill_landing(lander, 0, draw.uniform(0, scene.landing))
        land_part(part)
        readings = [scene.rows()]
        kill_builds(builds)
        if everything and part is scene.parts[-1]:
            for _ in range(3):
                kill_builds(len(tables - hit))
        scene.build()
        check_readings([*readings, scene.rows()])
    assert scene.content() == scene.expected
    for what, count in kills.items():
        record_property(f"kills in {what}", count)
    record_property("models killed within", f"{len(hit & tables)} of {len(tables)}")
    assert kills["building"] >= builds * len(scene.parts)
    if everything:
        assert hit >= tables


def land_part(part: str) -> None:
    with open_warehouse() as warehouse:
        land([part], warehouse)


# What fails: a statement after all of a model's own, in its transaction; or the model's own SQL.
BROKEN = {
    "staging/hiring/stg_hiring__offer_extended": "hook",  # view
    "intermediate/core/int_candidate_versions": "hook",  # delete+insert
    "marts/finance/mrr_monthly": "hook",  # table
    "intermediate/core/int_position_changes": "sql",  # append
}
HOOK = "{{ config(post_hook=\"select cast('no number' as integer)\") }}\n"


def broken_project(folder: Path) -> Path:
    """A copy of the project in which some models fail when they run."""
    for name in ("models", "macros", "seeds", "tests/generic", "tests/singular"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "dbt_project.yml", folder)
    for name, how in BROKEN.items():
        path = folder / "models" / f"{name}.sql"
        sql = path.read_text()
        if how == "hook":
            path.write_text(HOOK + sql)
        else:
            path.write_text(sql.rstrip() + " where cast(event_id as integer) > 0\n")
    return folder


@pytest.mark.parametrize(
    "scene", [pytest.param("duckdb", marks=pytest.mark.every), "postgres"], indirect=True
)
def test_failed_models_keep_their_old_rows(scene: Scene, tmp_path: Path) -> None:
    scene.empty()
    *most, last = scene.parts
    for part in most:
        land_part(part)
    scene.build()
    before, marts = scene.content(), scene.rows()
    assert sum(marts.values())
    land_part(last)
    artifacts = {"DBT_TARGET_PATH": str(tmp_path / "t"), "DBT_LOG_PATH": str(tmp_path / "t")}
    names = [node.split(".", 2)[2] for node in scene.seconds]
    command = ["build", *MODELS, "--select", *names]
    done = run_dbt(command, artifacts, root=broken_project(tmp_path / "copy"))
    assert done.returncode == 1, done.stdout

    results = json.loads((tmp_path / "t" / "run_results.json").read_text())["results"]
    status = {r["unique_id"]: r["status"] for r in results if r["unique_id"] in scene.seconds}
    failed = {f"model.hirehouse.{name.rpartition('/')[2]}" for name in BROKEN}
    skipped = after(scene, failed)
    assert {node for node, how in status.items() if how == "error"} == failed
    assert {node for node, how in status.items() if how == "skipped"} == skipped
    assert skipped
    changed = {name.split()[0] for name, _ in scene.content().items() ^ before.items()}
    tables = scene.nodes("incremental", "table")
    kept = {tables[node] for node in failed | skipped if node in tables}
    assert not changed & kept
    assert changed & set(tables.values())  # others went on
    readings = [marts, scene.rows()]

    scene.build()
    check_readings([*readings, scene.rows()])
    assert scene.content() == scene.expected

    # And the comparison does tell: of a row less in a table, of a batch that does not count.
    for damage in (
        "delete from intermediate.int_candidate_versions where candidate_id ="
        " (select min(candidate_id) from intermediate.int_candidate_versions)",
        "update landed.batches set committed_at = null where batch_id = 1",
    ):
        undamaged = scene.content()
        with open_warehouse() as warehouse:
            warehouse.execute(damage)
        assert scene.content() != undamaged


def after(scene: Scene, nodes: set[str]) -> set[str]:
    """The models that depend on some models, in any number of steps."""
    found: set[str] = set()
    ahead = set(nodes)
    while ahead:
        children = {child for node in ahead for child in scene.dbt.manifest.child_map[node]}
        ahead = (children & scene.seconds.keys()) - found
        found |= ahead
    return found - nodes
