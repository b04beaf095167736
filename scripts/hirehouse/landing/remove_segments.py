"""Removing segments of the collector that have landed."""

from __future__ import annotations

import fcntl
import re
from contextlib import suppress

from hirehouse.landing.inputs import InputFile, InputProgress, identify

SEGMENT = re.compile(r"\d+-\d+\.ndjson")  # what the collector calls a segment that is whole


def remove_landed(place: InputFile, done: dict[str, InputProgress]) -> bool:
    """Delete a segment that is whole and has landed whole; any other file stays. Whether it did.

    Args:
        done: by checksum, how far inputs have landed, as landed.batches tells.
    """
    if not SEGMENT.fullmatch(place.path.name):
        return False
    with place.path.open("rb") as file, suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # its writer would hold it
        # By its bytes as they are now: it may have changed since it was landed.
        if done.get(identify(place, file).checksum, InputProgress()).complete:
            place.path.unlink()
            return True
    return False
