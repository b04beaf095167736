"""The locks and the page about dependencies follow pyproject.toml."""

from __future__ import annotations

import re
import tomllib

import pytest

from hirehouse.contracts.model import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCKS = ("requirements.txt", "requirements-dev.txt")
ENTRY = re.compile(r"^([a-z0-9-]+)==\S+", re.M)


def direct() -> list[str]:
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    return sorted(re.split("[^a-z0-9-]", text)[0] for group in groups for text in group)


def unhashed(text: str) -> list[str]:
    """The packages of a lock that have no hash."""
    parts = ENTRY.split(text)
    return [
        name for name, rest in zip(parts[1::2], parts[2::2], strict=True) if "sha256" not in rest
    ]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_of_a_lock_has_hashes(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert len(ENTRY.findall(text)) > 50
    assert not unhashed(text)
    assert "://" not in text


def test_a_package_without_hashes_is_found() -> None:
    assert unhashed("a==1 \\\n    --hash=sha256:1\nb==2\nc==3 ; x \\\n    --hash=sha256:2\n") == [
        "b"
    ]


def test_every_direct_dependency_is_locked_and_explained() -> None:
    locked = {n for lock in LOCKS for n in ENTRY.findall((ROOT / lock).read_text(encoding="utf-8"))}
    assert set(direct()) <= locked
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    explained = re.findall(r"^\| ([a-z][a-z0-9-]+) \| (?!for)\S", page, re.M)
    assert sorted(explained) == direct()
