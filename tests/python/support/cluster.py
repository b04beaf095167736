"""A real Redshift, for the tests that scripts/verify-redshift runs on it instead of on the rig."""

from __future__ import annotations

import os
import uuid
from typing import Any

import boto3
import redshift_connector

from rig.server import SERIALIZABLE


class Cluster:
    """The cluster or workgroup that variables name, as a user who may create databases.

    Each test has a database of its own, which is dropped after it. Nothing else is touched but
    files under HIREHOUSE_S3_STAGE, which stay.
    """

    def __init__(self) -> None:
        place, self.role = os.environ["HIREHOUSE_S3_STAGE"], os.environ["HIREHOUSE_IAM_ROLE"]
        self.bucket, _, self.prefix = place.removeprefix("s3://").partition("/")
        self.s3: Any = boto3.client("s3")

    def connect(self, database: str, **more: Any) -> Any:
        """A connection of the driver, with its own settings."""
        return redshift_connector.connect(
            host=os.environ["REDSHIFT_HOST"],
            port=int(os.environ.get("REDSHIFT_PORT", "5439")),
            user=os.environ["REDSHIFT_USER"],
            password=os.environ["REDSHIFT_PASSWORD"],
            database=database,
            **more,
        )

    def new_database(self, isolation: str) -> str:
        """Create an empty database with an isolation level."""
        name = f"hirehouse_verify_{uuid.uuid4().hex[:8]}"
        level = "serializable" if isolation == SERIALIZABLE else "snapshot"
        self._run(f"create database {name} isolation level {level}")
        return name

    def drop_database(self, name: str) -> None:
        self._run(f"drop database {name}")

    def _run(self, sql: str) -> None:
        connection = self.connect(os.environ["REDSHIFT_DATABASE"])
        connection.autocommit = True
        connection.cursor().execute(sql)
        connection.close()
