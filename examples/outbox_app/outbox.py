"""A transactional outbox: an event is written with the change it tells of, and sent afterwards.

Whatever the application does and whenever it dies, an event is there if and only if its change is.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from segment.analytics import Client
from segment.analytics.request import APIError

TABLE = """
create table if not exists outbox (
    id integer primary key autoincrement,
    message text not null, -- whole and final, so that what is sent again is a copy
    sent_at text,
    refused text -- why the collector will never take it
)
"""
NEVER = (400, 413)  # statuses that no waiting changes
log = logging.getLogger("outbox")


def connect(database: Path) -> sqlite3.Connection:
    """A connection that commits when `transaction` says so."""
    return sqlite3.connect(database, timeout=30, isolation_level=None)


@contextmanager
def transaction(database: Path) -> Iterator[sqlite3.Connection]:
    """All that is written within happens, or nothing; writers take turns, as do their events."""
    with closing(connect(database)) as connection:
        connection.execute("begin immediate")
        with connection:
            yield connection


def now() -> str:
    """The time, UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def emit(
    connection: sqlite3.Connection,
    event: str,
    user_id: str,
    properties: Mapping[str, object],
    at: str | None = None,
) -> None:
    """Write an event within the transaction of the change that it tells of.

    Args:
        at: when it happened, if the change has that, too: else they may differ by midnight.
    """
    if not connection.in_transaction:
        raise RuntimeError(f"{event} must be emitted within the transaction of its change")
    message = {
        "messageId": str(uuid.uuid4()),
        "timestamp": at or now(),
        "userId": user_id,
        "event": event,
        "properties": properties,
    }
    connection.execute("insert into outbox (message) values (?)", [json.dumps(message)])


class Relay:
    """Sends what is in the outbox: in its order, each event at least once.

    Args:
        client: in `sync_mode`, where a call returns when the collector has acknowledged it.
    """

    def __init__(self, database: Path, client: Client) -> None:
        self.database, self.client = database, client

    def send(self) -> None:
        """Send all that waits; stops with an error at what the collector did not take."""
        waiting = "select id, message from outbox where sent_at is null and refused is null"
        with closing(connect(self.database)) as connection:
            while row := connection.execute(f"{waiting} order by id limit 1").fetchone():
                refused = None
                try:
                    self._track(json.loads(row[1]))
                except APIError as error:
                    if error.status not in NEVER:
                        raise
                    refused = str(error)
                    log.error("event %s is refused for good: %s", row[0], refused)
                # Dying before this line sends the event again: a copy, by its messageId.
                self._mark(connection, row[0], refused)

    def run(self, stop: threading.Event, pause: float = 0.5) -> None:
        """Send until `stop` is set, and try again after whatever goes wrong."""
        while not stop.wait(pause):
            try:
                self.send()
            except Exception:
                log.exception("events wait in the outbox")

    def _track(self, message: dict[str, str]) -> None:
        self.client.track(
            message["userId"],
            message["event"],
            message["properties"],
            timestamp=datetime.fromisoformat(message["timestamp"]),
            message_id=message["messageId"],
        )

    @staticmethod
    def _mark(connection: sqlite3.Connection, number: int, refused: str | None) -> None:
        sent_at = None if refused else now()
        done = "update outbox set sent_at = ?, refused = ? where id = ?"
        connection.execute(done, [sent_at, refused, number])
