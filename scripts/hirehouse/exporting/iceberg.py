"""Iceberg tables over the files of an export: each version of it is a snapshot."""

import os
from collections.abc import Collection
from typing import Any

import pyarrow as pa
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.io.pyarrow import parquet_files_to_data_files
from pyiceberg.table import Table, TableProperties
from pyiceberg.transforms import MonthTransform

from hirehouse.contracts.errors import ExpectedError
from hirehouse.exporting.folders import Folder
from hirehouse.exporting.sources import schema_of

DEFAULT = "default"
VERSION = "hirehouse.version"  # of the export, in a snapshot's summary


def open_catalog(folder: Folder, uri: str) -> Catalog:
    """The catalog of the Iceberg tables.

    Args:
        uri: https://… of a REST catalog, or sqlite:///…; `default` is catalog.db in the folder.

    Raises:
        ExpectedError: the folder is on S3, where no SQLite file can be.
    """
    if uri == DEFAULT:
        if folder.on_s3:
            raise ExpectedError(f"{folder.url}: on S3, name a catalog with --catalog https://…")
        uri = f"sqlite:///{folder.path}/catalog.db"
    settings = {"type": "sql" if uri.startswith("sqlite:") else "rest", "uri": uri}
    if endpoint := os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"):
        settings["s3.endpoint"] = endpoint
    return load_catalog("hirehouse", **settings, warehouse=folder.url)


def update(folder: Folder, manifest: dict[str, Any], uri: str, kept: Collection[int]) -> None:
    """Let each table have the files of a version; does nothing to one that has them.

    A table's change is one commit, and a snapshot with the properties `hirehouse.version`,
    `hirehouse.data_version` and `hirehouse.as_of_day`.

    Args:
        uri: see `open_catalog`.
        kept: the versions whose snapshots stay.
    """
    catalog = open_catalog(folder, uri)
    properties = {
        f"hirehouse.{name}": str(manifest[name])
        for name in ("version", "data_version", "as_of_day")
    }
    for relation, mart in manifest["marts"].items():
        schema = schema_of({c["name"]: c["data_type"] for c in mart["columns"]})
        table = _table(catalog, relation, schema, mart["partition_by"], folder)
        wanted = {f"{folder.url}/{file['path']}" for file in mart["files"]}
        _replace(table, schema, wanted, properties)
        _expire(table, {str(number) for number in kept})


def _table(
    catalog: Catalog, relation: str, schema: pa.Schema, month: str | None, folder: Folder
) -> Table:
    try:
        return catalog.load_table(relation)
    except NoSuchTableError:
        catalog.create_namespace_if_not_exists(relation.partition(".")[0])
    location = f"{folder.url}/iceberg/{relation.replace('.', '/')}"
    with catalog.create_table_transaction(relation, schema, location=location) as change:
        if month:
            with change.update_spec() as spec:
                spec.add_field(month, MonthTransform(), f"{month}_month")
    return catalog.load_table(relation)


def _replace(
    table: Table, schema: pa.Schema, wanted: Collection[str], properties: dict[str, str]
) -> None:
    there = {task.file.file_path: task.file for task in table.scan().plan_files()}
    last = table.current_snapshot()
    summary = last.summary.additional_properties if last and last.summary else {}
    if set(wanted) == there.keys() and properties.items() <= summary.items():
        return
    with table.transaction() as change:
        with change.update_schema() as columns:
            columns.union_by_name(schema)
        # Files have no numbers of columns; they are found by name.
        names = change.table_metadata.schema().name_mapping.model_dump_json()
        change.set_properties({TableProperties.DEFAULT_NAME_MAPPING: names})
        with change.update_snapshot(snapshot_properties=properties).overwrite() as snapshot:
            for path, file in there.items():
                if path not in wanted:
                    snapshot.delete_data_file(file)
            new = iter(sorted(set(wanted) - there.keys()))
            for file in parquet_files_to_data_files(table.io, change.table_metadata, new):
                snapshot.append_data_file(file)


def _expire(table: Table, kept: Collection[str]) -> None:
    """Forget the snapshots of removed versions, whose files go; the current one stays."""
    current = table.metadata.current_snapshot_id
    old = [
        one.snapshot_id
        for one in table.snapshots()
        if one.snapshot_id != current
        and (not one.summary or one.summary.additional_properties.get(VERSION) not in kept)
    ]
    if old:
        table.maintenance.expire_snapshots().by_ids(old).commit()
