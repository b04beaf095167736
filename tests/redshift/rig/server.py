"""The rig: a server that looks like Redshift, with its databases, its S3 and its certificates."""

from __future__ import annotations

import re
import socketserver
import ssl
import tempfile
import threading
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import psycopg2
import redshift_connector
import trustme

from rig.checking import Refusal
from rig.session import Session
from rig.wire import Closed
from support.servers import S3, USER, Postgres

SHIMS = Path(__file__).with_name("shims.sql")
BUCKET = "hirehouse-rig"
ROLE = "arn:aws:iam::123456789012:role/hirehouse-copy"
SNAPSHOT, SERIALIZABLE = "repeatable read", "serializable"


@dataclass
class Hold:
    """A statement or request that is held: `reached` is set when it comes, and `go` lets it on."""

    reached: Event = field(default_factory=Event)
    go: Event = field(default_factory=Event)

    def wait(self) -> None:
        self.reached.set()
        self.go.wait()


class Redshift:
    """A proxy in front of a PostgreSQL server, on a free port of 127.0.0.1.

    Args:
        postgres: the server that holds the data.
    """

    def __init__(self, postgres: Postgres) -> None:
        self.postgres, self.backend_port = postgres, postgres.port
        self.role, self.bucket, self.prefix = ROLE, BUCKET, "files"
        self.roles = {self.role, "default"}
        self.require_tls = True
        self.faults: list[tuple[re.Pattern[str], Refusal | Hold]] = []
        self.folder = tempfile.TemporaryDirectory(prefix="hirehouse-redshift-")
        self._certify()
        self._template()
        self.storage = S3()
        self.s3 = self.storage.client
        self.s3.create_bucket(Bucket=BUCKET)
        rig = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                session = Session(self.request, rig)
                try:
                    session.run()
                except (Closed, OSError):
                    pass  # the client has gone, or PostgreSQL has ended the session
                finally:
                    session.close()

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            request_queue_size = 100

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def environment(self, database: str) -> dict[str, str]:
        """The variables that point profiles.yml at a database of this server."""
        return {
            "HIREHOUSE_TARGET": "redshift",
            "REDSHIFT_HOST": "127.0.0.1",
            "REDSHIFT_PORT": str(self.port),
            "REDSHIFT_USER": USER,
            "REDSHIFT_PASSWORD": "secret",
            "REDSHIFT_DATABASE": database,
            "HIREHOUSE_S3_STAGE": f"s3://{BUCKET}/{database}",
            "HIREHOUSE_IAM_ROLE": ROLE,
            # The driver takes a certificate of any authority that the system trusts.
            "SSL_CERT_FILE": str(self.authority),
            **self.storage.environment(),
        }

    def new_database(self, isolation: str = SNAPSHOT) -> str:
        """Create an empty database, with the isolation that new ones of Redshift have."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self.as_owner(f"create database {name} template {self.template}")
        self._set_up(name, isolation)
        return name

    def connect(self, database: str, **more: Any) -> Any:
        """A connection of the driver, with its own settings."""
        return redshift_connector.connect(
            host="127.0.0.1", port=self.port, user=USER, password="x", database=database, **more
        )

    def drop_database(self, name: str) -> None:
        """Drop a database, which others may still be connected to."""
        self.as_owner(f"drop database {name} with (force)")

    def as_owner(self, sql: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run SQL on PostgreSQL itself, past the proxy."""
        connection = psycopg2.connect(
            host="127.0.0.1", port=self.backend_port, user=USER, dbname=database
        )
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    def fail(self, pattern: str, message: str, code: str = "XX000", detail: str = "") -> None:
        """Let the next statement fail that matches a pattern."""
        self.faults.append((re.compile(pattern, re.I), Refusal(code, message, detail)))

    def hold(self, pattern: str) -> Hold:
        """Let the next statement wait that matches a pattern; its client may be killed."""
        hold = Hold()
        self.faults.append((re.compile(pattern, re.I), hold))
        return hold

    def next_fault(self, sql: str) -> Refusal | Hold | None:
        for fault in self.faults:
            if fault[0].search(sql):
                self.faults.remove(fault)
                return fault[1]
        return None

    def stop(self) -> None:
        """Close the ports; databases stay on the PostgreSQL server."""
        self.server.shutdown()
        self.server.server_close()
        self.storage.stop()
        self.folder.cleanup()

    def _certify(self) -> None:
        authority = trustme.CA()
        self.authority = Path(self.folder.name) / "authority.pem"
        authority.cert_pem.write_to_path(str(self.authority))
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost", "127.0.0.1").configure_cert(self.tls)

    def _template(self) -> None:
        """A database whose texts are bytes, as Redshift measures them: it has no encoding."""
        options = "encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C'"
        self.template = self.postgres.new_database(options)
        self.as_owner(SHIMS.read_text(), self.template)

    def _set_up(self, database: str, isolation: str) -> None:
        settings = {
            "search_path": "rs, pg_catalog, public",
            "default_transaction_isolation": f"'{isolation}'",
            "timezone": "'UTC'",
            # Redshift never complains of these.
            "client_min_messages": "error",
        }
        for name, value in settings.items():
            self.as_owner(f"alter database {database} set {name} = {value}")
