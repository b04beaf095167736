"""The commands of examples/ci do what its README says."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from conftest import surrounded_by
from hirehouse.commands.main import app
from hirehouse.contracts.example import example_event
from hirehouse.contracts.model import ROOT, load
from hirehouse.landing.land import land
from hirehouse.warehouse.connections import open_warehouse
from stable_marts import EXTRACT
from support.events import line, write
from support.marts import MakeEnvironment, dbt, mart_hashes
from support.project import compiled, manifest, run, schemas_of

EXAMPLE = ROOT / "examples" / "ci"
PROJECT = ["models", "macros", "seeds", "tests/generic", "dbt_project.yml"]


def steps(job: str) -> list[str]:
    workflow: dict[str, Any] = yaml.safe_load((EXAMPLE / "github-actions.yml").read_text())
    return [step["run"] for step in workflow["jobs"][job]["steps"] if "run" in step]


@pytest.fixture(scope="module")
def branch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with a changed model; main's manifest is in its state/."""
    root = tmp_path_factory.mktemp("branch")
    for path in PROJECT:
        copy = shutil.copytree if (ROOT / path).is_dir() else shutil.copy
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / path, root / path)
    (root / "state").mkdir()
    (root / "run").mkdir()
    shutil.copy(compiled() / "manifest.json", root / "state")
    model = root / "models/intermediate/operations/int_event_delays.sql"
    model.write_text(model.read_text() + "-- changed\n")
    return root


def in_pull_request(command: list[str], branch: Path) -> subprocess.CompletedProcess[str]:
    # One warehouse for all commands, so that dbt parses once.
    return run(command, branch / "run", cwd=branch, HIREHOUSE_SCHEMA="pr_12")


def test_state_modified_selects_what_changed_and_what_depends_on_it(branch: Path) -> None:
    command = "dbt --quiet ls --select state:modified+ --state state --resource-type model"
    assert command.split()[2:7] == shlex.split(readme_command("dbt ls"))[1:]
    listed = in_pull_request([*command.split(), "--output", "name"], branch)
    assert listed.returncode == 0, listed.stdout
    names = ["event_lateness", "int_event_delay_percentiles", "int_event_delays"]
    assert sorted(listed.stdout.split()) == names
    # Any schema that is not production's is a prefix.
    own = json.loads((branch / "run" / "target" / "manifest.json").read_text())
    assert schemas_of(own) == {f"pr_12_{schema}" for schema in schemas_of(manifest())}


@pytest.mark.every
def test_the_build_reads_all_else_from_production(
    branch: Path, make_environment: MakeEnvironment
) -> None:
    """Up to which batch a model may read, it learns from the progress of production's models."""
    build = next(step for step in steps("pull-request") if step.startswith("dbt build"))
    assert build == readme_command("dbt build")
    folder = branch / "run"
    path = str(folder / "hirehouse.duckdb")  # of all commands
    with surrounded_by(make_environment("duckdb", folder)) as patch:
        patch.setenv("HIREHOUSE_DUCKDB", path)
        examples = [line(example_event(contract)) for contract in load().values()]
        with open_warehouse() as warehouse:
            land([write(folder / "examples.ndjson", examples)], warehouse)
            # As if an earlier build of the pull request had made two relations: one that this
            # build makes anew, and one that it does not.
            for schema, name in (
                ("pr_12_intermediate", "int_event_delays"),
                ("pr_12_staging", "stg_landing__events"),
            ):
                warehouse.execute(f"create schema {schema}")
                warehouse.execute(f"create table {schema}.{name} (batch_id bigint)")
        compiling = build.replace("dbt build", "dbt --quiet compile")
        done = in_pull_request(shlex.split(compiling), branch)
        assert done.returncode == 0, done.stdout
        compiled_sql = folder / "target/compiled/hirehouse/models"
        changed = compiled_sql / "intermediate/operations/int_event_delays.sql"
        dependent = compiled_sql / "intermediate/operations/int_event_delay_percentiles.sql"
        assert '"staging"."stg_landing__events"' in changed.read_text()
        assert '"pr_12_intermediate"."int_event_delays"' in dependent.read_text()

        with open_warehouse() as warehouse:
            warehouse.execute("drop schema pr_12_intermediate cascade")
            warehouse.execute("drop schema pr_12_staging cascade")
        # Production and the pull request are both built again, after more has landed.
        build_again = shlex.split(build.replace("dbt build", "dbt --quiet build"))
        for day in (1, 2):
            received = {"receivedAt": f"2026-07-0{day}T00:00:00Z"}
            events = [json.loads(event) | received for event in examples]
            lines = [line(e | {"messageId": f"{day}-{i}"}) for i, e in enumerate(events)]
            with open_warehouse() as warehouse:
                land([write(folder / f"{day}.ndjson", lines)], warehouse)
            dbt({}, branch / "production", "run", "--select", "+event_lateness")
            done = in_pull_request(build_again, branch)
            assert done.returncode == 0, done.stdout
            with open_warehouse() as warehouse:
                theirs = mart_hashes(warehouse, ["operations"])
                ours = mart_hashes(warehouse, ["pr_12_operations"])
            assert ours == {f"pr_12_{name}": value for name, value in theirs.items()}
            rows = (1 + day) * len(examples)
            assert list(ours) == [f"pr_12_operations.event_lateness ({rows} rows)"]


def test_the_marts_check_of_a_pull_request_is_a_command_that_there_is() -> None:
    assert './scripts/marts check --base "origin/$GITHUB_BASE_REF"' in steps("pull-request")
    assert readme_command("./scripts/marts check") == "./scripts/marts check --base origin/main"
    assert (ROOT / EXTRACT).exists()


def test_the_contracts_diff_of_a_pull_request_is_a_command_that_there_is() -> None:
    assert 'hirehouse contracts diff "origin/$GITHUB_BASE_REF"' in steps("pull-request")
    command = readme_command("hirehouse contracts diff").split()
    assert command == ["hirehouse", "contracts", "diff", "origin/main"]
    done = CliRunner().invoke(app, [*command[1:-1], "HEAD", "HEAD"])
    assert (done.exit_code, done.output) == (0, "0 breaking, 0 additive\n")


def readme_command(start: str) -> str:
    """A command of the README that begins so, without its remark."""
    lines = (EXAMPLE / "README.md").read_text().splitlines()
    found = next(line for line in lines if line.startswith(f"$ {start}"))
    return found.removeprefix("$ ").split("#")[0].strip()
