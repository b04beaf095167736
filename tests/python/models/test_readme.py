"""The commands of the README and of docs/ do what these say, and links lead somewhere.

The blocks of a page run as one script, so that a `cd`, an `export` or a server in the background
works as for a reader. All pages share a clone and its warehouse, which the README's tour fills.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import command_docs
from hirehouse.contracts.model import ROOT
from support.pages import blocks, cloned, parse_clone, reader, run_page, script
from support.servers import USER, Postgres

README = Path("README.md")
TOUR = 10  # commands that the README's heading promises
NOT_RUN = 7  # blocks at most, for reasons that each of them states
# In the order in which they run: connect.md reads the database that running.md makes.
FIRST = ["contracts", "collecting", "landing", "failures", "running"]
# Pages that build models or the docs anew, start dbt many times, or read many marts: with --all.
LONG = [
    "connect.md",
    "contracts.md",
    "export.md",
    "metrics.md",
    "questions.md",
    "running.md",
    "site.md",
]
# The mart that the pages but for LONG read. For a normal run the project has it alone, with what it
# reads, since test_marts.py builds all; the commands are the same.
READ = ("hiring_funnel_weekly",)
# What tests of their own run.
ELSEWHERE = {
    "backfill.md": "tests/python/landing/test_backfill.py",
    "data-science.md": "tests/python/models/test_examples_data_science.py",
    "operations.md": "tests/python/models/test_operations.py",
    "production.md": "tests/python/deploying/test_production_page.py",
}
PAGES = [
    README,
    Path("CONTRIBUTING.md"),
    *(Path(f"docs/{name}.md") for name in FIRST),
    *sorted(
        path.relative_to(ROOT)
        for path in (ROOT / "docs").rglob("*.md")
        if path.stem not in FIRST and path.name not in ELSEWHERE
    ),
]
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's files, for all pages to change and build."""
    return cloned(tmp_path_factory.mktemp("readme") / "hirehouse")


@pytest.fixture(scope="module")
def environment_of_a_reader(clone: Path, postgres: Postgres) -> dict[str, str]:
    """DuckDB as profiles.yml has it, and the tools and the superuser of a PostgreSQL server."""
    found = reader(clone) | {
        "PATH": f"{clone / '.venv/bin'}:{postgres.binaries}:{os.environ['PATH']}",
        "PGHOST": "127.0.0.1",
        "PGPORT": str(postgres.port),
        "PGUSER": "loader",
        "PGDATABASE": "hirehouse",
    }
    superuser = [
        "psql",
        f"--username={USER}",
        "--dbname=postgres",
        "--command=create role postgres superuser login",
    ]
    subprocess.run(superuser, env=found, check=True)
    return found


@pytest.fixture(scope="module")
def toured(
    clone: Path, environment_of_a_reader: dict[str, str], request: pytest.FixtureRequest
) -> Path:
    """The clone with the warehouse of the README's tour."""
    parse_clone(clone, only=() if request.config.getoption("--all") else READ)
    run_page(README, clone, environment_of_a_reader)
    return clone


def test_the_tour_of_the_readme_works(toured: Path) -> None:
    lines = script(README).splitlines()
    assert len([line for line in lines if line]) == TOUR
    assert ".venv/bin/dbt build" in lines
    assert blocks(README)[0].text == "./scripts/demo\n"
    said = (toured.parent / "README.log").read_text(encoding="utf-8")
    assert "1 replayed" in said


def test_every_command_of_the_docs_works(
    toured: Path, environment_of_a_reader: dict[str, str], request: pytest.FixtureRequest
) -> None:
    everything = request.config.getoption("--all")
    assert all(any(str(page).endswith(name) for page in PAGES) for name in LONG)
    for page in PAGES[1:]:
        if script(page) and (everything or not str(page).endswith(tuple(LONG))):
            run_page(page, toured, environment_of_a_reader)
    if everything:
        assert (toured / "data/schemas/interview_requested.json").exists()
        page = toured / "target/site/models/fct_candidacies.html"
        assert "One row per candidacy" in page.read_text(encoding="utf-8")


def test_a_command_that_fails_fails_its_page(tmp_path: Path) -> None:
    (tmp_path / "clone").mkdir()
    page = tmp_path / "broken.md"
    page.write_text("```bash\ntrue\nls /nowhere\n```\n")
    with pytest.raises(AssertionError, match="FAILED: ls /nowhere"):
        run_page(page, tmp_path / "clone", dict(os.environ))


def test_few_blocks_are_not_run_and_say_why() -> None:
    left_out = [block for page in PAGES for block in blocks(page) if block.why]
    assert len(left_out) <= NOT_RUN, left_out
    assert all(len(block.why) > 10 for block in left_out)
    for test in ELSEWHERE.values():
        assert (ROOT / test).exists()


def anchors(page: Path) -> Iterator[str]:
    for heading in re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def dead_links(page: Path) -> list[str]:
    dead = []
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        path = page.parent / target if target else page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            dead.append(f"{page.name}: {target}#{anchor}")
    return dead


def test_links_lead_somewhere(tmp_path: Path) -> None:
    pages = [ROOT / page for page in PAGES]
    pages += (ROOT / "examples").rglob("README.md")
    pages += [ROOT / "docs" / name for name in ELSEWHERE]
    assert not [link for page in pages for link in dead_links(page)]
    page = tmp_path / "page.md"
    page.write_text("# A heading\n[a](#a-heading) [b](#b) [c](gone.md)\n")
    assert dead_links(page) == ["page.md: #b", "page.md: gone.md#"]


def test_the_page_of_commands_is_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = command_docs.page()
    assert (ROOT / command_docs.PAGE).read_text(encoding="utf-8") == text, (
        "run .venv/bin/python scripts/tools/command_docs.py"
    )
    assert str(ROOT) not in text
    (tmp_path / "docs").mkdir()
    (tmp_path / command_docs.PAGE).write_text(text.replace("--once", "--twice"))
    monkeypatch.setattr(command_docs, "ROOT", tmp_path)
    monkeypatch.setattr(command_docs, "page", lambda: text)
    monkeypatch.setattr(sys, "argv", ["command_docs", "--check"])
    with pytest.raises(SystemExit) as ended:
        command_docs.app()
    assert ended.value.code == 1
    assert "is outdated" in capsys.readouterr().err


def test_the_readme_is_short_and_counts_the_models() -> None:
    text = (ROOT / README).read_text(encoding="utf-8")
    assert len(text.splitlines()) < 150
    models = len(list((ROOT / "models").rglob("*.sql")))
    assert f"builds and tests {models} models" in text


@pytest.mark.every
def test_the_demo_ends_with_a_funnel_and_can_run_again(tmp_path: Path) -> None:
    folder = cloned(tmp_path / "hirehouse")
    for _ in range(2):
        done = subprocess.run(
            ["./scripts/demo"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"PYTHONPATH": str(folder / "scripts")},
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        assert re.search(r"Backend engineer +[\d,]+ +[\d,]+ +[\d,]+ +[\d,]+ +\d+\.\d%", done.stdout)
        assert "210,827 events landed, 2,053 of them copies" in done.stdout
