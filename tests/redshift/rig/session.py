"""One client's connection: each statement is checked and rewritten on its way to PostgreSQL."""

from __future__ import annotations

import re
import socket
import ssl
import struct
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, NoReturn

from rig.checking import Refusal, refusal
from rig.copying import Copy, CopyError, copied_rows, parse_copy
from rig.rewriting import rewritten
from rig.unloading import Unload, parse_unload, unload
from rig.wire import (
    CANCEL_REQUEST,
    GSS_REQUEST,
    SSL_REQUEST,
    Stream,
    error_body,
    error_fields,
    rows_of,
    startup_parameters,
)

if TYPE_CHECKING:
    from rig.server import Redshift

# What PostgreSQL knows of the driver's start-up parameters.
KNOWN = {b"user", b"database", b"application_name"}
VERSION = b"8.0.2"
WRITES = re.compile(
    r"\s*(?:/\*.*?\*/\s*|--[^\n]*\n\s*)*"
    r"(?:insert\s+into|update|delete\s+from|merge\s+into)\s+((?:\"[^\"]+\"|[\w.])+)",
    re.IGNORECASE | re.DOTALL,
)
# PostgreSQL's errors of concurrent transactions, as Redshift gives them.
CONFLICT = {
    "S": "ERROR",
    "C": "XX000",
    "M": "1023",
    "D": "Serializable isolation violation on table - 100100, transactions forming the cycle are:"
    " 1, 2 (pid:3)",
}
CONFLICTING_DDL = "could not complete because of conflict with concurrent transaction"


class BackendError(Exception):
    """PostgreSQL refused what the rig asked for."""

    def __init__(self, body: bytes) -> None:
        super().__init__(error_fields(body).get("M"))
        self.body = body


@lru_cache(4096)
def for_postgres(sql: str, in_transaction: bool) -> Refusal | str:
    """Why Redshift refuses a statement, or what PostgreSQL gets instead of it."""
    return refusal(sql, in_transaction) or rewritten(sql)


class Session:
    """A connection of a client, and one to PostgreSQL. Client and server speak in turn."""

    def __init__(self, connection: socket.socket, rig: Redshift) -> None:
        self.rig = rig
        self.client = Stream(connection)
        self.server = Stream(socket.create_connection(("127.0.0.1", rig.backend_port)))
        self.server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.status = b"I"
        self.statements: dict[bytes, str] = {}  # as the client has prepared them

    def run(self) -> None:
        """Serve the client until it goes."""
        if not self._start():
            return
        waiting: list[tuple[bytes, bytes]] = []
        while True:
            kind, body = self.client.read()
            if kind == b"Q":
                raise NotImplementedError("redshift_connector prepares each statement")
            try:
                if kind == b"P":
                    body = self._prepare(body)
                elif kind == b"B":
                    self._before(self.statements[body.split(b"\0", 2)[1]])
            except BackendError as error:
                waiting.clear()
                self._skip(error)
                continue
            waiting.append((kind, body))
            if kind in (b"S", b"X"):
                self.server.write(*waiting)
                waiting.clear()
                if kind == b"X":
                    return
                self.client.write(*self._answer())

    def close(self) -> None:
        self.client.socket.close()
        self.server.socket.close()

    def _start(self) -> bool:
        while True:
            body = self.client.read_body()
            (code,) = struct.unpack("!I", body[:4])
            if code == SSL_REQUEST:
                self.client.socket.sendall(b"S")
                self.client.socket = self.rig.tls.wrap_socket(self.client.socket, server_side=True)
            elif code == GSS_REQUEST:
                self.client.socket.sendall(b"N")
            elif code == CANCEL_REQUEST:
                self.server.write((b"", body))
                return False
            else:
                break
        encrypted = isinstance(self.client.socket, ssl.SSLSocket)
        given = startup_parameters(body)
        kept = {name: value for name, value in given.items() if name in KNOWN}
        kept[b"client_encoding"] = b"UTF8"
        # It expects next to no rows of tables just filled, and would join by nested loops.
        kept[b"options"] = b"-c enable_nestloop=off -c enable_mergejoin=off"
        pairs = b"".join(name + b"\0" + value + b"\0" for name, value in kept.items())
        self.server.write((b"", body[:4] + pairs + b"\0"))
        if self.rig.require_tls and not encrypted:
            self.client.write((b"E", error_body({"S": "FATAL", "C": "28000", "M": "SSL off"})))
            return False
        for kind, message in self._answer():
            told = kind == b"S" and message.startswith(b"server_version\0")
            # The driver compares it with versions of PostgreSQL.
            self.client.write((kind, b"server_version\0" + VERSION + b"\0" if told else message))
        return True

    def _prepare(self, body: bytes) -> bytes:
        """A message that prepares a statement, as PostgreSQL gets it."""
        name, text, rest = body.split(b"\0", 2)
        sql = self.statements[name] = text.decode()
        if parse_copy(sql) or parse_unload(sql):
            return name + b"\0select 1 where false\0" + rest
        given = for_postgres(sql, self.status == b"T")
        if isinstance(given, Refusal):
            self._fail(given)
        # PostgreSQL locks the table, if weakly, as soon as a statement is prepared.
        self._lock_written(sql)
        return name + b"\0" + given.encode() + b"\0" + rest

    def _before(self, sql: str) -> None:
        """What is to be done when a prepared statement is run, each time."""
        fault = self.rig.next_fault(sql)
        if isinstance(fault, Refusal):
            self._fail(fault)
        if fault:
            fault.wait()
        if copy := parse_copy(sql):
            self._copy(copy)
        elif asked := parse_unload(sql):
            self._unload(asked)
        else:
            self._lock_written(sql)

    def _fail(self, refused: Refusal) -> NoReturn:
        """Let PostgreSQL give this error, which also ends a transaction."""
        options = {"errcode": refused.code, "message": refused.message, "detail": refused.detail}
        told = [f"{name} = {_literal(text)}" for name, text in options.items() if text]
        self._ask(f"do $rig$ begin raise exception using {', '.join(told)}; end $rig$")
        raise AssertionError("the statement must have failed")

    def _lock(self, table: str) -> None:
        """Keep other writers from a table until the transaction ends, as Redshift does."""
        if self.status == b"T":
            # A snapshot first: Redshift takes it before the statement waits for the table.
            self._ask(f"select 1; lock table {table} in share row exclusive mode")

    def _lock_written(self, sql: str) -> None:
        if written := WRITES.match(sql):
            self._lock(written[1])

    def _copy(self, copy: Copy) -> None:
        """Load the files of a COPY."""
        try:
            columns, rows = copied_rows(copy, self.rig, self._rows)
        except CopyError as error:
            self._fail(Refusal("XX000", str(error), error.detail))
        self._lock(copy.table)
        listed = ", ".join(f'"{column}"' for column in columns)
        self._ask(f"copy {copy.table} ({listed}) from stdin (format csv)", rows)

    def _unload(self, asked: Unload) -> None:
        """Write the files of an UNLOAD."""
        query = for_postgres(asked.query, self.status == b"T")
        if isinstance(query, Refusal):
            self._fail(query)
        answer = self._ask(query)
        [description] = [body for kind, body in answer if kind == b"T"]
        try:
            unload(asked, self.rig, description, rows_of(answer))
        except CopyError as error:
            self._fail(Refusal("XX000", str(error), error.detail))

    def _rows(self, sql: str) -> list[list[str | None]]:
        return rows_of(self._ask(sql))

    def _ask(self, sql: str, data: Iterable[bytes] = ()) -> list[tuple[bytes, bytes]]:
        """Run SQL of the rig's own in the client's session, with the data of a COPY."""
        self.server.write((b"Q", sql.encode() + b"\0"))
        answer = []
        while True:
            kind, body = self.server.read()
            if kind == b"G":
                for part in data:
                    self.server.write((b"d", part))
                self.server.write((b"c", b""))
            answer.append((kind, body))
            if kind == b"Z":
                self.status = body
                break
        for kind, body in answer:
            if kind == b"E":
                raise BackendError(body)
        return answer

    def _skip(self, error: BackendError) -> None:
        """Answer with an error, and pass over what the client sent with the statement."""
        self.client.write((b"E", as_redshift(error.body)))
        while self.client.read()[0] != b"S":
            pass
        self.server.write((b"S", b""))
        self.client.write(*self._answer())

    def _answer(self) -> list[tuple[bytes, bytes]]:
        """What PostgreSQL says until it is ready for the next statement."""
        answer = []
        while True:
            kind, body = self.server.read()
            answer.append((kind, as_redshift(body) if kind == b"E" else body))
            if kind == b"Z":
                self.status = body
                return answer
            if kind == b"E" and error_fields(body).get("S") == "FATAL":
                return answer


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def as_redshift(body: bytes) -> bytes:
    """An error of PostgreSQL as Redshift gives it."""
    fields = error_fields(body)
    if fields.get("C") == "40001":
        return error_body(CONFLICT)
    if "tuple concurrently" in fields.get("M", ""):
        return error_body(fields | {"M": CONFLICTING_DDL})
    return body
