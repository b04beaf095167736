"""Files beside the warehouse that get in whole, by one process at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hirehouse.warehouse.connections import Say


@contextmanager
def turn(folder: Path, doing: str, say: Say) -> Iterator[None]:
    """Let one process at a time work in a folder.

    Args:
        doing: what it does there, such as "publishes".
        say: told if another process has to be waited for.
    """
    opened = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another process that {doing} to {folder}")
            fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


def sync(path: Path) -> None:
    """Make sure that a file, or the names in a folder, outlive a loss of power."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
