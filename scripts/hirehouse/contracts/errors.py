"""Errors that commands report on one line, without a traceback."""


class ExpectedError(Exception):
    """The base of errors whose message tells the user what is wrong."""

    exit_code = 1
