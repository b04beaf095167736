"""Parquet files on S3, on their way into Redshift or out of it."""

import re
import uuid
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from hirehouse.warehouse.profile import WarehouseError

KEPT = timedelta(days=1)  # files of a landing that failed
NAMED = "%Y%m%dT%H%M%S"


class StagedFiles:
    """A new folder under a URL of S3, for one batch or one query. Credentials: as AWS's SDKs.

    Args:
        url: s3://bucket/folder, which others use, too.

    Raises:
        WarehouseError: the URL is none, or S3 can't be used.
    """

    def __init__(self, url: str) -> None:
        if not url.startswith("s3://"):
            raise WarehouseError(
                "Redshift needs S3 for files: set HIREHOUSE_S3_STAGE, or s3_stage in profiles.yml,"
                f" to a folder there, s3://bucket/folder{', not ' + url if url else ''}"
            )
        try:
            self.files, self.parent = fs.FileSystem.from_uri(url.rstrip("/"))
        except (pa.ArrowException, OSError) as error:
            raise WarehouseError(f"{url} can't be used: {error}") from error
        self.name = f"{datetime.now(UTC):{NAMED}}-{uuid.uuid4().hex[:8]}"
        self.folder = f"{self.parent}/{self.name}"
        self.url = f"s3://{self.folder}"

    def write(self, name: str, table: pa.Table) -> str:
        """Write a table and a manifest that names its file; returns the manifest's URL."""
        path, manifest = (f"{self.folder}/{name}.{kind}" for kind in ("parquet", "manifest"))
        try:
            pq.write_table(table, path, filesystem=self.files)
            [info] = self.files.get_file_info([path])
            entry: dict[str, Any] = {"url": f"s3://{path}", "mandatory": True}
            entry["meta"] = {"content_length": info.size}
            with self.files.open_output_stream(manifest) as file:
                file.write(orjson.dumps({"entries": [entry]}))
        except (pa.ArrowException, OSError) as error:
            raise WarehouseError(f"s3://{path} can't be written: {error}") from error
        return f"s3://{manifest}"

    def fetch(self, to: Path) -> None:
        """Copy the files to a local folder."""
        try:
            found = fs.FileSelector(self.folder, allow_not_found=True)
            for info in self.files.get_file_info(found):
                fs.copy_files(info.path, str(to / info.base_name), self.files, fs.LocalFileSystem())
        except (pa.ArrowException, OSError) as error:
            raise WarehouseError(f"{self.url} can't be read: {error}") from error

    def remove(self) -> None:
        """Remove the folder, which has been read; what can't be removed now goes by age."""
        with suppress(pa.ArrowException, OSError):
            self.files.delete_dir(self.folder)

    def remove_old(self) -> None:
        """Remove folders of failed landings that are older than KEPT."""
        oldest = f"{datetime.now(UTC) - KEPT:{NAMED}}"
        with suppress(pa.ArrowException, OSError):
            for one in self.files.get_file_info(fs.FileSelector(self.parent, allow_not_found=True)):
                stamp = re.match(r"\d{8}T\d{6}-", one.base_name)
                if stamp and stamp[0] < oldest:
                    self.files.delete_dir(one.path)
