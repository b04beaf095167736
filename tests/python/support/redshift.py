"""Connections of Amazon's own driver to a new database of the rig, or of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from redshift_connector.error import Error

from rig.server import SERIALIZABLE, SNAPSHOT, Redshift
from support.cluster import Cluster


class Connection:
    """A connection; errors are told as their fields."""

    def __init__(self, own: Any) -> None:
        self.own = own
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
    redshift: Redshift | Cluster, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Connect]:
    """A function that opens one more connection to the same new database."""
    database = redshift.new_database(request.param)
    if isinstance(redshift, Redshift):
        # With the driver's own settings: TLS, and a certificate of an authority it trusts.
        monkeypatch.setenv("SSL_CERT_FILE", str(redshift.authority))
    opened: list[Connection] = []

    def open_one() -> Connection:
        opened.append(Connection(redshift.connect(database)))
        return opened[-1]

    yield open_one
    for one in opened:
        one.own.close()
    redshift.drop_database(database)


serializable = pytest.mark.parametrize("connect", [SERIALIZABLE], indirect=True)
either = pytest.mark.parametrize("connect", [SNAPSHOT, SERIALIZABLE], indirect=True)
