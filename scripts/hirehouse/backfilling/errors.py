"""The error of a backfill."""

from hirehouse.contracts.errors import ExpectedError


class BackfillError(ExpectedError):
    """A source, a mapping or rows that can't become events; the message says why."""
