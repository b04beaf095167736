"""Publishes the marts after rounds of a loop, once their data tests pass."""

import time

from hirehouse.querying.publishing import NAMED, NotPublished, Publication, publish
from hirehouse.running.loop import Loop, Round

SHARE = 10  # testing and publishing take at most about a tenth of the time


class Publisher:
    """Publishes what a loop has built.

    Args:
        loop: whose builds to publish.
    """

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.due = False  # whether something was built since the last publication
        self.again_at = 0.0

    def note(self, result: Round | None) -> None:
        self.due |= bool(result and result.models)

    def publish(self) -> Publication | None:
        """Publish, if there is something new, all models are up to date, and it is time.

        Returns:
            What has been published, if anything.

        Raises:
            NotPublished: a test fails, or the file can't be written.
            DbtError, WarehouseError, OSError: the tests could not run, or the copy not be made.
        """
        begun = time.monotonic()
        if not self.due or self.loop.pending or begun < self.again_at:
            return None
        try:
            failing = self.loop.failing_tests()
            self.due = not failing and self.due  # what fails does so until the next build
            if failing:
                more = f" and {len(failing) - NAMED} more" if len(failing) > NAMED else ""
                names = ", ".join(failing[:NAMED])
                raise NotPublished(f"not published: these tests fail: {names}{more}")
            published = publish(self.loop.target)
            self.due = False
            return published
        finally:
            now = time.monotonic()
            self.again_at = now + SHARE * (now - begun)
