"""Every question of analyses/ has an answer, the same on every engine, and stands in the docs."""

from __future__ import annotations

import pytest

import question_docs
from conftest import ENGINES, surrounded_by
from hirehouse.commands.query import Asker
from hirehouse.contracts.model import ROOT
from support.answers import Answers, answers, text
from support.built import Built

NAMES = sorted(path.stem for path in (ROOT / "analyses").glob("*.sql"))


@pytest.fixture(scope="module")
def answered(
    builds: dict[str, Built], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Answers]:
    return {
        engine: answers(builds[engine].environment, tmp_path_factory.mktemp(engine))
        for engine in ENGINES
    }


def test_questions_have_the_same_answers_on_both_engines(answered: dict[str, Answers]) -> None:
    assert sorted(answered["duckdb"]) == NAMES
    assert len(NAMES) >= 30
    assert [name for name, rows in answered["duckdb"].items() if not rows] == []
    assert answered["duckdb"] == answered["postgres"]


def test_questions_are_the_same_without_dbt(
    answered: dict[str, Answers], builds: dict[str, Built]
) -> None:
    """As `hirehouse query --file` renders and reads them."""
    for engine in ENGINES:
        with surrounded_by(builds[engine].environment):
            asker = Asker(None, published=False)
            for name, rows in answered[engine].items():
                table = asker.ask((ROOT / "analyses" / f"{name}.sql").read_text(), None).table
                columns = [
                    [text(value) for value in column] for column in table.to_pydict().values()
                ]
                assert sorted(map(list, zip(*columns, strict=True))) == sorted(rows), name


def test_the_page_has_every_question_as_it_is() -> None:
    page = (ROOT / question_docs.PAGE).read_text()
    for name in NAMES:
        asked, sql = question_docs.question(name)
        assert f"## {asked}\n\n`{name}`:\n\n```sql\n{sql}```" in page, (
            f"{name}: run scripts/tools/question_docs.py on the demo's warehouse"
        )
