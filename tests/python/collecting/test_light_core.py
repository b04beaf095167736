"""`pip install hirehouse` alone brings what the tests of an application need, and no warehouse."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from hirehouse.commands.main import COMMANDS, EXTRAS
from hirehouse.contracts.model import ROOT
from support.collectors import Collector
from support.servers import folder_of

EXAMPLES = ROOT / "examples"
OWN = ("hirehouse", "simulator")
# What the tests of the Python example need beside hirehouse.
APPLICATION = ("pytest", "segment-analytics-python", "httpx2")
LEFT_OUT = {"cryptography"}  # of the lock, too: the SDK has it for OAuth alone
ALONE = ("contracts", "simulate", "collect", "collect-keys")  # commands that need no extra
DATA = {
    *("hirehouse/contracts/contract.schema.yml", "hirehouse/contracts/reserved_words.txt"),
    "simulator/reference.yml",
}


class LightCore:
    """An environment that holds the core from a wheel, and nothing else but what is asked for."""

    def __init__(self, folder: Path, wheel: Path, others: tuple[str, ...]) -> None:
        venv.create(folder, symlinks=True)
        self.python = str(folder / "bin" / "python")
        [site] = folder.glob("lib/python*/site-packages")
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(site)
            [name] = [n for n in packed.namelist() if n.endswith(".dist-info/METADATA")]
        lines = (site / name).read_text().partition("\n\n")[0].splitlines()
        needed = [line.removeprefix("Requires-Dist: ") for line in lines if "Requires-Dist" in line]
        # -I: nothing of this process's own environment.
        self.command = [self.python, "-I", "-c", "from hirehouse.commands.main import main; main()"]
        self.distributions = closure([*needed, *others])
        for name in self.distributions:
            for file in distribution(name).files or ():
                if ".." not in file.parts:  # scripts
                    (site / file).parent.mkdir(parents=True, exist_ok=True)
                    (site / file).symlink_to(file.locate())

    def run(self, *command: str, folder: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    def hirehouse(self, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
        return self.run(*self.command, *arguments, folder=folder)


def closure(requirements: list[str], extras: frozenset[str] = frozenset()) -> set[str]:
    """The distributions of this environment that meet requirements, and those that they require."""
    found: set[str] = set()
    waiting = [(Requirement(text), extras) for text in requirements]
    seen = set()
    while waiting:
        needed, chosen = waiting.pop()
        if needed.marker and not any(
            needed.marker.evaluate({"extra": extra}) for extra in (chosen or {""})
        ):
            continue
        name, own = canonicalize_name(needed.name), frozenset(needed.extras)
        if (name, own) not in seen and name not in LEFT_OUT:
            seen.add((name, own))
            found.add(name)
            waiting += [(Requirement(text), own) for text in distribution(name).requires or ()]
    return found


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> LightCore:
    folder = tmp_path_factory.mktemp("light")
    source = folder / "source"  # a build leaves files in the folder that it builds
    for name in OWN:
        shutil.copytree(folder_of(name), source / "scripts" / name)
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    subprocess.run([*pip, *offline, str(source)], check=True)
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        assert set(packed.namelist()) >= DATA
    return LightCore(folder / "venv", wheel, APPLICATION)


@pytest.fixture(scope="module")
def schemas(light: LightCore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The contracts, exported by the core."""
    folder = tmp_path_factory.mktemp("schemas")
    done = light.hirehouse("contracts", "export", "--out", str(folder), folder=ROOT)
    assert done.returncode == 0, done.stderr
    return folder


def test_nothing_of_a_warehouse_is_there(light: LightCore, tmp_path: Path) -> None:
    asked = "import importlib.util, sys; print(*filter(importlib.util.find_spec, sys.argv[1:]))"
    names = [*EXTRAS, "rich", "hirehouse"]
    done = light.run(light.python, "-I", "-c", asked, *names, folder=tmp_path)
    assert done.stdout.split() == ["rich", "hirehouse"]
    assert len(light.distributions) < 40


def test_the_contracts_are_read_checked_and_compared(light: LightCore, tmp_path: Path) -> None:
    # In the project's folder, or told where it is.
    for folder, more in ((ROOT, []), (tmp_path, ["--root", str(ROOT)])):
        done = light.hirehouse("contracts", "show", "offer_extended", *more, folder=folder)
        assert done.returncode == 0, done.stderr
        assert "An event that conforms" in done.stdout
    for command in ("list", "check", f"diff {ROOT}"):
        done = light.hirehouse("contracts", *command.split(), folder=ROOT)
        assert done.returncode == 0, done.stderr
    assert done.stdout == "0 breaking, 0 additive\n"


def test_the_help_lists_all_commands(light: LightCore, tmp_path: Path) -> None:
    done = light.hirehouse("--help", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert all(lazy.help in done.stdout for lazy in COMMANDS.values())


def test_outside_a_project_it_says_what_to_do(light: LightCore, tmp_path: Path) -> None:
    done = light.hirehouse("contracts", "list", folder=tmp_path)
    assert done.returncode == 1
    assert "holds no contract; is the root the project's folder?" in done.stderr
    done = light.hirehouse("collect", "--micro", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {tmp_path} holds no contract: name a folder")
    assert done.stderr.count("\n") == 1


def test_a_marketplace_is_simulated(light: LightCore, tmp_path: Path) -> None:
    size = ("--days", "3", "--candidates", "3")
    done = light.hirehouse("simulate", "--out", str(tmp_path / "out"), *size, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "out").glob("*.ndjson.gz"))


@pytest.mark.parametrize(
    "command",
    [
        *(name for name in COMMANDS if name not in ALONE),
        "collect --to kafka://127.0.0.1:9/events",
        "collect --to s3://bucket/events",
    ],
)
def test_a_command_names_the_extra_that_it_needs(
    command: str, light: LightCore, tmp_path: Path
) -> None:
    extra = "kafka" if "kafka" in command else "warehouse"
    done = light.hirehouse(*command.split(), folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.endswith(f": pip install 'hirehouse[{extra}]'\n")
    assert done.stderr.count("\n") == 1


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_each_import_is_of_the_core_or_of_the_extra_that_is_named() -> None:
    of_module = packages_distributions()
    required: dict[str, set[str]] = {}
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for extra, texts in {"": stated["dependencies"], **stated["optional-dependencies"]}.items():
        for text in texts:
            required.setdefault(canonicalize_name(Requirement(text).name), set()).add(extra)
    files = (path for name in OWN for path in folder_of(name).rglob("*.py"))
    imported = {module.partition(".")[0] for path in files for module in imports_of(path)}
    imported -= {*sys.stdlib_module_names, *OWN, "pytest"}  # pytest loads its plugin itself
    for module in imported:
        extras = {
            e for name in of_module[module] for e in required.get(canonicalize_name(name), ())
        }
        assert EXTRAS.get(module, "") in extras, f"{module} comes with {extras or 'nothing'}"
    assert imported >= EXTRAS.keys()


@pytest.mark.parametrize("changed", [False, True])
def test_the_python_example_is_tested_against_exported_schemas(
    changed: bool, light: LightCore, schemas: Path, tmp_path: Path
) -> None:
    ignored = shutil.ignore_patterns("__pycache__", ".pytest_cache")
    application = shutil.copytree(EXAMPLES / "outbox_app", tmp_path / "application", ignore=ignored)
    shutil.copytree(schemas, application / "schemas")
    ini = application / "pytest.ini"
    ini.write_text(ini.read_text().replace("# hirehouse_schemas", "hirehouse_schemas"))
    if changed:
        path = application / "schemas" / "interview_requested.json"
        path.write_text(path.read_text().replace('"GBP"', '"CHF"').replace('"EUR"', '"SEK"'))
    pytest_run = (light.python, "-I", "-m", "pytest", "-p", "no:cacheprovider")
    done = light.run(*pytest_run, folder=application)
    assert done.returncode == changed, done.stdout + done.stderr
    told = 'enum /properties/currency: expected ["USD","CHF","SEK","CAD"], found' in done.stdout
    assert told == changed


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the Node example with its packages."""
    folder = tmp_path_factory.mktemp("node") / "node"
    shutil.copytree(EXAMPLES / "node", folder, ignore=shutil.ignore_patterns("node_modules"))
    quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock"]
    subprocess.run(["npm", "install", *quiet], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="module")
def micro(light: LightCore, schemas: Path) -> Iterator[str]:
    """The address of the core's collector for tests, which has the exported schemas alone."""
    arguments = ("--micro", "--schemas", str(schemas))
    collector = Collector(*arguments, command=light.command)
    yield f"http://127.0.0.1:{collector.port}"
    assert collector.end() == 0


def npm_test(folder: Path, collector: str) -> subprocess.CompletedProcess[str]:
    command = ["env", f"COLLECTOR={collector}", "npm", "test"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_node_example_passes_its_own_test(node: Path, micro: str) -> None:
    done = npm_test(node, micro)
    assert done.returncode == 0, done.stdout
    assert "pass 3" in done.stdout


def test_a_broken_event_is_seen_in_the_node_example_s_own_test(node: Path, micro: str) -> None:
    script = node / "events.js"
    right = script.read_text()
    key = "        currency: candidacy.currency,\n"
    assert right.count(key) == 1
    script.write_text(right.replace(key, ""))
    try:
        done = npm_test(node, micro)
    finally:
        script.write_text(right)
    assert done.returncode == 1
    told = "interview_requested: required /properties/currency: expected a value, found nothing"
    assert told in done.stdout
