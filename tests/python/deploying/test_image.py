"""deploy/Dockerfile, as far as it can be checked without building the image."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from hirehouse.contracts.model import ROOT
from support import parsing

DOCKERFILE = ROOT / "deploy" / "Dockerfile"
CHANGE = ("RUN", "COPY")


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(encoding="utf-8"), flags=re.M)
    found = [line.partition(" ") for line in text.replace("\\\n", "").splitlines() if line]
    return [(name, " ".join(rest.split())) for name, _, rest in found]


def copied() -> list[tuple[str, str]]:
    """What the image gets of the project: source and destination of each COPY."""
    pairs = []
    for name, rest in instructions():
        if name == "COPY" and not rest.startswith("--from="):
            *sources, destination = rest.split()
            pairs += [
                (one, f"{destination}{one}" if destination.endswith("/") else destination)
                for one in sources
            ]
    return pairs


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with just the files of the image."""
    folder = tmp_path_factory.mktemp("image")
    for source, destination in copied():
        there = folder / destination
        there.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, there, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, there)
    return folder


def lint(dockerfile: Path) -> subprocess.CompletedProcess[str]:
    command = [ROOT / ".venv" / "bin" / "hadolint", dockerfile]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_hadolint_finds_nothing_wrong(tmp_path: Path) -> None:
    done = lint(DOCKERFILE)
    assert done.returncode == 0, done.stdout
    worse = tmp_path / "Dockerfile"
    worse.write_text(DOCKERFILE.read_text().replace("USER 10001:10001", "USER root"))
    assert "DL3002" in lint(worse).stdout  # the last user should not be root


def test_the_build_sends_what_it_copies_and_nothing_else() -> None:
    sent = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.M)
    assert sorted(sent) == sorted(source for source, _ in copied())
    tracked = subprocess.run(
        ["git", "ls-files", "-z", *sent], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    assert {name.split("/")[0] for name in sent} == {name.split("/")[0] for name in tracked if name}


def test_packages_are_installed_as_bootstrap_does() -> None:
    [lock] = [rest for name, rest in instructions() if name == "RUN" and "-r " in rest]
    assert {"--no-deps", "--require-hashes"} < set(shlex.split(lock))
    assert lock.endswith("-r requirements.txt")
    bootstrap = (ROOT / "scripts" / "bootstrap").read_text(encoding="utf-8")
    for option in ("PIP_NO_DEPS=1", "--require-hashes", "--no-build-isolation -e ."):
        assert option in bootstrap


@pytest.mark.parametrize(
    "command",
    ["hirehouse collect --help", "hirehouse run --help", "hirehouse contracts check"],
)
def test_commands_find_all_their_files_in_the_image(command: str, image: Path) -> None:
    code = "from hirehouse.contracts.model import ROOT; print(ROOT);"
    code += "from hirehouse.commands.main import main; main()"
    # -P and PYTHONPATH: the package of the image and not the one of this checkout.
    done = subprocess.run(
        [ROOT / ".venv" / "bin" / "python", "-P", "-c", code, *command.split()[1:]],
        cwd=image,
        env=os.environ | {"PYTHONPATH": str(image / "scripts")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"{image}\n")


def test_the_image_has_all_that_dbt_reads() -> None:
    assert {*parsing.FOLDERS, *parsing.FILES} <= {source for source, _ in copied()}
