"""What Amazon's documentation lists as not supported by Redshift (published.txt)."""

from __future__ import annotations

from pathlib import Path

LINES = [line.split() for line in Path(__file__).with_suffix(".txt").read_text().splitlines()]


def _listed(kind: str) -> frozenset[str]:
    return frozenset(words[1] for words in LINES if words[0] == kind)


UNSUPPORTED_FUNCTIONS = _listed("function")
LEADER_ONLY = _listed("leader")
UNSUPPORTED_TYPES = _listed("type")
