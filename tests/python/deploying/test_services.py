"""The units of systemd and the manifests of Kubernetes, checked by their own schemas."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from hirehouse.contracts.model import ROOT
from support.commands import parse_command

UNITS = sorted((ROOT / "deploy" / "systemd").iterdir())
MANIFESTS = sorted((ROOT / "deploy" / "kubernetes").iterdir())
INSTALLED = "/srv/hirehouse"
# What an environment file may hold.
GIVEN = {"$HIREHOUSE_COLLECT": "--spool=data", "$HIREHOUSE_RUN": "data"}
EXPOSURE = 25  # tenths, of `systemd-analyze security`: 10 is unsafe
with_systemd = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd is not installed"
)


def objects() -> Iterator[dict[str, Any]]:
    for path in MANIFESTS:
        yield from yaml.safe_load_all(path.read_text(encoding="utf-8"))


def containers() -> Iterator[dict[str, Any]]:
    for one in objects():
        spec = one.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        yield from spec.get("template", {}).get("spec", {}).get("containers", [])


def verify(unit: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *arguments, str(unit)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    """The units, with the programs of this checkout."""
    for path in UNITS:
        text = path.read_text(encoding="utf-8").replace(f"{INSTALLED}/.venv", f"{ROOT}/.venv")
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    return [tmp_path / path.name for path in UNITS]


@with_systemd
def test_systemd_accepts_the_units(units: list[Path]) -> None:
    for unit in units:
        done = verify(unit, "verify", "--man=no")
        assert (done.returncode, done.stderr) == (0, ""), unit.name
    worse = units[0]
    worse.write_text(worse.read_text().replace("RestartSec=1", "RestartSecs=1"))
    assert "RestartSecs" in verify(worse, "verify", "--man=no").stderr


@with_systemd
def test_services_that_run_always_may_do_little(units: list[Path]) -> None:
    for unit in units[:2]:
        done = verify(unit, "security", "--offline=true", f"--threshold={EXPOSURE}")
        assert done.returncode == 0, done.stdout[-500:]
    units[0].write_text(re.sub(r"(Protect|Restrict|System)\w+=.*\n", "", units[0].read_text()))
    worse = verify(units[0], "security", "--offline=true", f"--threshold={EXPOSURE}")
    assert worse.returncode == 1


def test_manifests_fit_the_schemas_of_kubernetes() -> None:
    version = kubernetes_validate.latest_version()
    found = list(objects())
    for one in found:
        kubernetes_validate.validate(one, version, strict=True)
    kinds = [one["kind"] for one in found]
    assert {"Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget"} < set(kinds)
    [deployment, _] = [one for one in found if one["kind"] == "Deployment"]
    deployment["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="readynessProbe"):
        kubernetes_validate.validate(deployment, version, strict=True)


def test_services_call_commands_that_exist() -> None:
    of_units = [
        shlex.split(line.partition("bin/hirehouse ")[2])
        for path in UNITS
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith("ExecStart=") and "bin/hirehouse " in line
    ]
    of_pods = [one["args"] for one in containers() if "command" not in one]
    assert len(of_units) == len(of_pods) == 2
    for words in of_units + of_pods:
        parse_command([GIVEN.get(word, word) for word in words])
    with pytest.raises(Exception, match="--spools"):
        parse_command(["collect", "--spools=data"])


def test_containers_are_confined() -> None:
    found = list(containers())
    assert len(found) == 3
    for container in found:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"].keys() == {"requests", "limits"}


def test_one_loop_at_a_time_has_a_warehouse() -> None:
    [loop] = [
        one
        for one in objects()
        if one["kind"] == "Deployment" and one["metadata"]["name"] == "hirehouse-run"
    ]
    assert loop["spec"]["replicas"] == 1
    assert loop["spec"]["strategy"] == {"type": "Recreate"}
