"""Removing segments of the collector after they have landed."""

import fcntl
import re
from contextlib import suppress

from hirehouse.landing.inputs import InputFile, InputProgress
from hirehouse.landing.read_batches import identify, open_input
from hirehouse.landing.s3 import S3Object

SEGMENT = re.compile(r"\d+-\d+\.ndjson")  # names of complete segments


def remove_landed(place: InputFile, done: dict[str, InputProgress]) -> bool:
    """Delete a complete segment that has landed completely, and no other file.

    Args:
        done: by checksum, how far inputs have landed, from landed.batches.

    Returns:
        Whether the file was deleted.
    """
    if isinstance(place, S3Object):
        # By its name: nobody writes to an object, as a process may to a file.
        if landed := done.get(place.checksum, InputProgress()).complete:
            place.remove()
        return landed
    if not SEGMENT.fullmatch(place.path.name):
        return False
    with open_input(place) as file, suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # the writer of a segment holds this lock
        # By its current bytes: it may have changed since it landed.
        if done.get(identify(place, file).checksum, InputProgress()).complete:
            place.path.unlink()
            return True
    return False
