"""The commands of the README do what they say, in its order."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from hirehouse.contracts.model import ROOT
from support.marts import MakeEnvironment

BLOCK = re.compile(r"^```bash\n(.*?)^```", re.M | re.S)
BUILD = ".venv/bin/dbt build"


def commands() -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return [line for block in BLOCK.findall(text) for line in block.splitlines() if line]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The project's files in a folder of their own, sharing the packages that are there."""
    folder = tmp_path / "hirehouse"
    left_out = (".git", ".venv", "data", "target", "logs", "profiles.yml", "*.egg-info", ".*cache")
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*left_out))
    (folder / ".venv").symlink_to(ROOT / ".venv")
    shutil.copy(ROOT / "profiles.yml.example", folder / "profiles.yml")
    for command in ("init -q", "add -A", "-c user.name=a -c user.email=a@b commit -qm a"):
        subprocess.run(["git", *command.split()], cwd=folder, check=True)
    return folder


def test_every_command_of_the_readme_works(clone: Path, make_environment: MakeEnvironment) -> None:
    lines = commands()
    assert lines[0] == "./scripts/demo"
    assert BUILD in lines
    environment = os.environ | make_environment("duckdb", clone)
    environment["PYTHONPATH"] = str(clone / "scripts")
    environment["DBT_PROFILES_DIR"] = str(clone)
    served = []
    for line in lines[1:]:
        if line.endswith(" &"):
            command = f"exec {line.removesuffix(' &')}"
            served.append(subprocess.Popen(command, shell=True, cwd=clone, env=environment))
            continue
        done = subprocess.run(
            line,
            shell=True,
            cwd=clone,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    for server in served:
        assert server.poll() is None
        server.terminate()
        assert server.wait() == 0
    assert (clone / "data" / "schemas" / "interview_requested.json").exists()
    page = (clone / "target" / "static_index.html").read_text(encoding="utf-8")
    assert "fct_candidacies" in page


def test_the_readme_counts_the_models() -> None:
    models = len(list((ROOT / "models").rglob("*.sql")))
    assert f"builds and tests {models} models" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.every
def test_the_demo_ends_with_a_funnel_and_can_run_again(clone: Path) -> None:
    for _ in range(2):
        done = subprocess.run(
            ["./scripts/demo"],
            cwd=clone,
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"PYTHONPATH": str(clone / "scripts")},
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        assert re.search(r"Backend engineer +[\d,]+ +[\d,]+ +[\d,]+ +[\d,]+ +\d+\.\d%", done.stdout)
        assert "204,573 events landed, 2,053 of them copies" in done.stdout
