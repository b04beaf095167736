"""The names of events and properties, which become those of tables and columns on every engine."""

import re
from functools import cache
from pathlib import Path

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")  # PostgreSQL cuts a longer one


@cache
def reserved_words() -> dict[str, list[str]]:
    """The words that can't be names, with the engines that reserve them."""
    text = (Path(__file__).parent / "reserved_words.txt").read_text(encoding="utf-8")
    lines = [line.split() for line in text.splitlines() if not line.startswith("#")]
    return {word: engines for word, *engines in lines}


def unusable(name: object) -> str:
    """Why a name can't be used, and what to do; empty if it can."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        return f"{name!r} is no name: a to z, digits and _, a letter first, at most 63 characters"
    engines = reserved_words().get(name)
    return f"{name} is reserved by {', '.join(engines)}; choose another" if engines else ""
