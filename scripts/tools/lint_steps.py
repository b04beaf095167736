"""What scripts/lint runs: every step, two at a time, with the failed ones together at the end.

A step that only reads some files is skipped while these are as they were when it last passed;
`--again` runs it all the same. Usage: lint_steps.py [--again]
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from hirehouse.running.warm_dbt import WARNINGS

ROOT = Path(__file__).parents[2]
# Versions of the tools, and this file, are part of what each step reads.
ALWAYS = ("requirements.txt", "requirements-dev.txt", "scripts/tools/lint_steps.py")
PROJECT = (
    *("dbt_project.yml", "selectors.yml", "profiles.yml.example"),
    *("analyses", "models", "macros", "seeds", "tests/generic", "tests/singular"),
)
SQL = ("analyses", "models", "tests/generic", "tests/singular")


@dataclass(frozen=True)
class Step:
    """A command.

    Args:
        command: words, the first one a program of .venv or a path from the root.
        reads: files and folders that its result depends on; if empty, it always runs.
        each: folders whose `.sql` files it takes one by one, so that only those are named on its
            command line that have changed; all of them if one of `reads` has.
        target: dbt's target path, from target/lint.
    """

    command: Sequence[str]
    reads: Sequence[str] = ()
    each: Sequence[str] = ()
    target: str = ""

    @property
    def name(self) -> str:
        return " ".join(word for word in self.command if not word.startswith("{"))


def parse(target: str) -> Step:
    """Parse the project for an engine; no partial parsing, which would keep warnings back."""
    strict = ("--quiet", *WARNINGS, "--no-partial-parse")
    reads = (*PROJECT, "scripts/hirehouse/running/warm_dbt.py")  # which has WARNINGS
    return Step(("dbt", *strict, "parse", "--target", target), reads, target=target)


# The steps of one line run in turn, until one fails; the longest lines come first.
LINES: list[list[Step]] = [
    [
        Step(
            ("sqlfluff", "lint", "--disable-progress-bar", "--processes", "1"),
            (".sqlfluff", "tests/sqlfluff_macros"),
            SQL,
        )
    ],
    [
        parse("duckdb"),
        Step(
            ("dbt-bouncer", "run", "--show-all-failures"),
            (*PROJECT, "dbt-bouncer.yml"),
            target="duckdb",
        ),
        Step(
            ("python", "-m", "docs_site.check"),
            (*PROJECT, "scripts/docs_site"),
            target="duckdb",
        ),
    ],
    [parse("postgres")],
    [parse("redshift")],
    [Step(("mypy",))],
    [Step(("ruff", "check", "scripts", "tests", "examples"))],
    [Step(("ruff", "format", "--check", "scripts", "tests", "examples"))],
    [Step(("lint-imports", "--no-logo"))],
    [Step(("hirehouse", "contracts", "check"))],
    [Step(("scripts/marts", "check"))],
]


def hashed(root: Path, names: Sequence[str], more: str = "") -> str:
    """A hash of files, and of all files in folders; what is missing counts as empty."""
    found = hashlib.sha256(more.encode())
    for path in files(root, names):
        found.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return found.hexdigest()


def files(root: Path, names: Sequence[str]) -> Iterator[Path]:
    for path in (root / name for name in names):
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        yield from (one for one in inside if one.is_file() and "__pycache__" not in one.parts)


class Lint:
    """One run of all steps.

    Args:
        root: the project's folder.
        again: whether steps run whose files are unchanged.
    """

    def __init__(self, root: Path, *, again: bool = False) -> None:
        self.root = root
        self.folder = root / "target" / "lint"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.passed_file = self.folder / "passed.json"
        there = self.passed_file.exists() and not again
        # By step, or file of a step, the hash of what it read when it passed.
        self.passed: dict[str, str] = json.loads(self.passed_file.read_text()) if there else {}
        self.failed: list[str] = []
        self.lock = Lock()

    def run(self, lines: Sequence[Sequence[Step]]) -> int:
        """Run all steps; returns how many failed, and prints which."""
        profiles = self.folder / "profiles"
        profiles.mkdir(exist_ok=True)
        # The example, and not the reader's own profile.
        shutil.copy(self.root / "profiles.yml.example", profiles / "profiles.yml")
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(self._line, lines))
        self.passed_file.write_text(json.dumps(self.passed, indent=1))
        count = sum(map(len, lines))
        if self.failed:
            print(f"\nlint: {len(self.failed)} of {count} steps failed: {', '.join(self.failed)}")
        else:
            print(f"\nlint: {count} steps passed")
        return len(self.failed)

    def _line(self, line: Sequence[Step]) -> None:
        for number, step in enumerate(line):
            if not self._step(step):
                for left in line[number + 1 :]:
                    self._tell("not run", left, f"it needs what `{step.name}` makes")
                    self.failed.append(left.name)
                return

    def _step(self, step: Step) -> bool:
        wanted = self._wanted(step)
        changed = {key: value for key, value in wanted.items() if self.passed.get(key) != value}
        if wanted and not changed:
            self._tell("ok", step, "unchanged since it passed")
            return True
        command = [*step.command, *sorted(key for key in changed if step.each)]
        begun = time.monotonic()
        done = subprocess.run(
            command,
            cwd=self.root,
            env=self._environment(step),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        good = done.returncode == 0
        seconds = f"{time.monotonic() - begun:.0f} s"
        self._tell("ok" if good else "FAILED", step, seconds, "" if good else done.stdout)
        with self.lock:
            if good:
                self.passed |= changed
            else:
                self.failed.append(step.name)
        return good

    def _wanted(self, step: Step) -> dict[str, str]:
        """By step, or by file of a step that takes each, the hash of what it reads."""
        if not step.reads:
            return {}
        common = hashed(self.root, [*ALWAYS, *step.reads], step.name)
        if not step.each:
            return {step.name: common}
        names = [str(one.relative_to(self.root)) for one in files(self.root, step.each)]
        return {n: hashed(self.root, [n], common) for n in names if n.endswith(".sql")}

    def _environment(self, step: Step) -> dict[str, str]:
        target = self.folder / step.target
        own = {
            "PATH": f"{self.root / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "DBT_PROFILES_DIR": str(self.folder / "profiles"),
            "DBT_TARGET_PATH": str(target / "target"),
            "DBT_LOG_PATH": str(target / "logs"),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        }
        # dbt-bouncer reads target/manifest.json of the project's folder.
        bouncer = {"DBT_PROJECT_DIR": str(target)} if step.command[0] == "dbt-bouncer" else {}
        return os.environ | own | bouncer

    def _tell(self, what: str, step: Step, why: str, output: str = "") -> None:
        with self.lock:
            print(f"{what:8}{step.name}  ({why})\n{output}", end="", flush=True)


if __name__ == "__main__":
    sys.exit(1 if Lint(ROOT, again="--again" in sys.argv[1:]).run(LINES) else 0)
