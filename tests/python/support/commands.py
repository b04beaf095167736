"""Command lines of `hirehouse`, read and not run."""

from __future__ import annotations

from hirehouse.commands.main import load


def parse_command(words: list[str]) -> None:
    """Read a command line as `hirehouse` does; an error of the command line if it is wrong."""
    command, *arguments = words
    load(command).make_context(command, arguments)
