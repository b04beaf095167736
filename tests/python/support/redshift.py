"""A connection of Amazon's own driver to a new database of the rig."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redshift_connector
from redshift_connector.error import Error

from rig.server import SERIALIZABLE, SNAPSHOT, Redshift
from support.servers import USER


class Connection:
    """A connection; errors are told as their fields."""

    def __init__(self, rig: Redshift, database: str) -> None:
        self.own = redshift_connector.connect(
            host="127.0.0.1", port=rig.port, user=USER, password="secret", database=database
        )
        self.own.autocommit = True

    def __call__(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a statement, if it has any."""
        cursor = self.own.cursor()
        cursor.execute(sql, values or None)
        return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    def error(self, sql: str) -> dict[str, str]:
        """The fields of the error that a statement gives."""
        with pytest.raises(Error) as caught:
            self(sql)
        fields: dict[str, str] = caught.value.args[0]
        return fields


Connect = Callable[[], Connection]


@pytest.fixture(params=[SNAPSHOT])
def connect(
    redshift: Redshift, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Connect]:
    """A function that opens one more connection to the same new database."""
    database = redshift.new_database(request.param)
    # With the driver's own settings: TLS, and a certificate of an authority it trusts.
    monkeypatch.setenv("SSL_CERT_FILE", redshift.environment(database)["SSL_CERT_FILE"])
    opened: list[Connection] = []

    def open_one() -> Connection:
        opened.append(Connection(redshift, database))
        return opened[-1]

    yield open_one
    for one in opened:
        one.own.close()


serializable = pytest.mark.parametrize("connect", [SERIALIZABLE], indirect=True)
either = pytest.mark.parametrize("connect", [SNAPSHOT, SERIALIZABLE], indirect=True)
