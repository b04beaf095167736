"""Messages of PostgreSQL's protocol, which Redshift speaks, too."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass, field

SSL_REQUEST, CANCEL_REQUEST = 80877103, 80877102
GSS_REQUEST = 80877104


class Closed(Exception):
    """The other side has closed the connection."""


@dataclass
class Stream:
    """A connection that messages are read from and written to."""

    socket: socket.socket
    unread: bytearray = field(default_factory=bytearray)

    def read(self) -> tuple[bytes, bytes]:
        """The kind and the body of the next message."""
        kind = self._take(1)
        return kind, self.read_body()

    def read_body(self) -> bytes:
        (size,) = struct.unpack("!I", self._take(4))
        return self._take(size - 4)

    def write(self, *messages: tuple[bytes, bytes]) -> None:
        """Send messages; one of an empty kind is a start-up message."""
        self.socket.sendall(b"".join(k + struct.pack("!I", len(b) + 4) + b for k, b in messages))

    def _take(self, size: int) -> bytes:
        while len(self.unread) < size:
            try:
                data = self.socket.recv(1 << 16)
            except OSError as error:
                raise Closed from error
            if not data:
                raise Closed
            self.unread += data
        taken = bytes(self.unread[:size])
        del self.unread[:size]
        return taken


def error_fields(body: bytes) -> dict[str, str]:
    """The fields of an error by their letter, such as C for SQLSTATE and M for the message."""
    parts = [part.decode(errors="replace") for part in body.split(b"\0") if part]
    return {part[0]: part[1:] for part in parts}


def error_body(fields: dict[str, str]) -> bytes:
    return b"".join(f"{key}{text}\0".encode() for key, text in fields.items()) + b"\0"


def startup_parameters(body: bytes) -> dict[bytes, bytes]:
    """Names and values of a start-up message."""
    parts = body[4:].rstrip(b"\0").split(b"\0")
    return dict(zip(parts[::2], parts[1::2], strict=False))


def rows_of(answer: list[tuple[bytes, bytes]]) -> list[list[str | None]]:
    """The rows of an answer as texts."""
    rows = []
    for kind, body in answer:
        row: list[str | None] = []
        place = 2
        while kind == b"D" and place < len(body):
            (size,) = struct.unpack_from("!i", body, place)
            end = place + 4 + max(size, 0)
            row.append(None if size < 0 else body[place + 4 : end].decode())
            place = end
        if kind == b"D":
            rows.append(row)
    return rows
