"""hirehouse under Dagster: lands and builds every ten minutes, and tests all at night.

Every raw table, model and data test is an asset or a check of its own in Dagster's graph.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import orjson
from dagster_dbt import DbtCliResource, DbtProject, dbt_assets

ROOT = Path(__file__).parents[2]
# Where dbt and hirehouse are, whatever this process was started with.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
INBOX = Path(os.environ.get("HIREHOUSE_INBOX", ROOT / "data" / "inbox"))
INBOX.mkdir(parents=True, exist_ok=True)

project = DbtProject(
    ROOT,
    target_path=Path("target", "dagster"),
    profiles_dir=os.environ.get("DBT_PROFILES_DIR", ROOT),
)
project.preparer.prepare(project)  # makes the manifest
sources = orjson.loads(project.manifest_path.read_bytes())["sources"].values()
# As dagster-dbt calls a source, so that the models hang on what lands. Those of all events hang on
# the envelope, which is no table of its own.
RAW = [
    dg.AssetSpec(dg.AssetKey([source["source_name"], source["name"]]), group_name="landed")
    for source in sources
]


def hirehouse(*arguments: str) -> dict[str, object]:
    """Run a command of hirehouse, and read its last line of JSON."""
    command = ["hirehouse", *arguments, "--json", str(INBOX)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    told: dict[str, object] = orjson.loads(done.stdout.splitlines()[-1])
    return told


@dg.multi_asset(specs=RAW, name="land", can_subset=True)
def land(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
    """What has come into the inbox lands; what has landed before is left out."""
    told = hirehouse("land")
    context.log.info("landed %s events, %s failed", told["events"], told["failed"])
    rows = told["rows"]
    assert isinstance(rows, dict)
    for key in context.selected_asset_keys:
        yield dg.MaterializeResult(key, metadata={"rows": rows.get(key.path[-1], 0)})


@dbt_assets(manifest=project.manifest_path, project=project)
def models(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[object]:
    """`dbt build` of the chosen models, with their tests."""
    yield from dbt.cli(["build"], context=context).stream()


@dg.op
def land_and_build(context: dg.OpExecutionContext) -> None:
    """One round of `hirehouse run`: builds only what the new events touch, and tests nothing."""
    told = hirehouse("run", "--once")
    context.log.info("%s events, %s models, %s s", told["events"], told["models"], told["seconds"])


@dg.op(ins={"built": dg.In(dg.Nothing)})
def test_all(dbt: DbtCliResource) -> None:
    """Every data test, of all rows ever landed."""
    dbt.cli(["test", "--selector", "nightly", "--vars", "{test_days: 0}"]).wait()


@dg.job
def each_ten_minutes() -> None:
    """Keeps the marts fresh at the least cost."""
    land_and_build()


@dg.job
def nightly() -> None:
    """What the rounds of the day have not tested."""
    test_all(land_and_build())


defs = dg.Definitions(
    assets=[land, models],
    jobs=[each_ten_minutes, nightly, dg.define_asset_job("everything", [land, models])],
    schedules=[
        dg.ScheduleDefinition(job=each_ten_minutes, cron_schedule="*/10 * * * *"),
        dg.ScheduleDefinition(job=nightly, cron_schedule="30 3 * * *"),
    ],
    resources={"dbt": DbtCliResource(project)},
)
