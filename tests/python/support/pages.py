"""The pages of the docs: their blocks, and a reader's copy of the project that runs them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from dbt.constants import PARTIAL_PARSE_FILE_NAME

from hirehouse.contracts.model import ROOT
from support.parsing import parsed_for
from support.servers import free_port

BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<why>.+) -->\n)?```(?P<kind>\w+)\n(?P<text>.*?)^```", re.M | re.S
)


class Block(NamedTuple):
    """A block of a page: its language, its text, and why it isn't run (empty if it is)."""

    kind: str
    text: str
    why: str


def blocks(page: Path) -> list[Block]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return [Block(m["kind"], m["text"], m["why"] or "") for m in BLOCK.finditer(text)]


def script(page: Path) -> str:
    """What a page tells to run: shell, Python and, but for templates, SQL; empty if nothing."""
    parts = []
    for block in blocks(page):
        if block.why:
            continue
        if block.kind == "bash" and block.text != "./scripts/demo\n":
            parts.append(block.text)
        elif block.kind == "python":
            parts.append(f".venv/bin/python - <<'PYTHON'\n{block.text}PYTHON\n")
        elif block.kind == "sql" and "{{" not in block.text:
            query = (
                f"import duckdb, sys\nduckdb.connect(sys.argv[1]).sql('''{block.text}''').show()\n"
            )
            parts.append(f".venv/bin/python - data/hirehouse.duckdb <<'PYTHON'\n{query}PYTHON\n")
    return "".join(parts)


def cloned(folder: Path) -> Path:
    """Copy the project's files to a folder of their own, sharing the installed packages."""
    left_out = (".git", ".venv", "data", "target", "logs", "profiles.yml", "*.egg-info", ".*cache")
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*left_out))
    (folder / ".venv").symlink_to(ROOT / ".venv")
    shutil.copy(ROOT / "profiles.yml.example", folder / "profiles.yml")
    for command in ("init -q", "add -A", "-c user.name=a -c user.email=a@b commit -qm a"):
        subprocess.run(["git", *command.split()], cwd=folder, check=True)
    return folder


def reader(clone: Path) -> dict[str, str]:
    """The variables of a reader in a clone, with DuckDB as profiles.yml has it."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("HIREHOUSE_")}
    return own | {
        "PATH": f"{clone / '.venv/bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(clone / "scripts"),
        "DBT_PROFILES_DIR": str(clone),
        # test_marts.py runs the tests of models.
        "DBT_EXCLUDE_RESOURCE_TYPES": "test unit_test",
    }


def parse_clone(clone: Path, only: Collection[str] = ()) -> None:
    """Let dbt find a clone parsed, for `dbt` and for `hirehouse run`.

    Args:
        clone: a copy of the project.
        only: the models that it finds, with what they read; by default all.
    """
    variables = {
        "DBT_PROFILES_DIR": str(clone),
        "HIREHOUSE_TARGET": "duckdb",
        "HIREHOUSE_DUCKDB": "data/hirehouse.duckdb",
        "HIREHOUSE_SCHEMA": "analytics",
    }
    parsed_for(clone, clone / "target", variables, only)
    (clone / "target" / "run").mkdir()
    shutil.copy(clone / "target" / PARTIAL_PARSE_FILE_NAME, clone / "target" / "run")


def run_page(page: Path, clone: Path, environment: Mapping[str, str]) -> None:
    """Run all blocks of a page as one script; AssertionError with the command that fails."""
    text = script(page)
    for port in ("8080", "9100"):
        text = text.replace(port, str(free_port()))
    log = clone.parent / f"{page.stem}.log"
    # Servers in the background hold on to the output, which must be a file and no pipe.
    with log.open("w") as out:
        process = subprocess.Popen(
            [
                "bash",
                "-c",
                f"set -Eeuo pipefail\ntrap 'echo \"FAILED: $BASH_COMMAND\"' ERR\n{text}",
            ],
            cwd=clone,
            env=environment,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        code = process.wait()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
    said = log.read_text(encoding="utf-8", errors="replace")
    assert code == 0, f"{page}\n{said[-6000:]}"
