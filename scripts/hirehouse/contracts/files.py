"""Files that get in whole and outlive a loss of power, and folders that one process changes."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson


def write_json(path: Path, content: object) -> None:
    """Write an indented JSON file, as a whole."""
    option = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    write_whole(path, orjson.dumps(content, option=option))


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, and rename it into place.

    So readers never see half a file, and a link at `path` is replaced, not written through.
    """
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    new.write_bytes(content)
    new.replace(path)


def sync(path: Path) -> None:
    """Make sure that a file, or the names in a folder, outlive a loss of power."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@contextmanager
def locked(folder: Path, wait: Callable[[], None] = lambda: None) -> Iterator[int]:
    """Open and lock a folder, for changes that only one process at a time may make.

    Args:
        wait: called if another process has to be waited for.
    """
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            wait()
            fcntl.flock(directory, fcntl.LOCK_EX)
        yield directory
    finally:
        os.close(directory)
