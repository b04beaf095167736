"""Brings back segments that were removed after they had landed, in a bucket that keeps versions.

Then `hirehouse land` or `run` on the same URL lands those that its warehouse does not know.
Usage: restore_segments.py s3://bucket/events/ [--since 2026-11-01]
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import boto3
import typer

PAGE = 1_000  # as many as one request lists, and may delete


def restore(url: str, since: datetime) -> int:
    """Remove the markers that hide objects; returns how many.

    Args:
        url: s3://bucket/prefix.
        since: only of objects that were removed at this time (UTC) or later.

    Raises:
        RuntimeError: a marker can't be removed; the message is that of S3.
    """
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    client = boto3.client("s3")
    listing = client.get_paginator("list_object_versions")
    sizes = {"PageSize": PAGE}
    # All at once: a listing goes on from a version that must still be there.
    markers = [
        {"Key": marker["Key"], "VersionId": marker["VersionId"]}
        for page in listing.paginate(Bucket=bucket, Prefix=prefix, PaginationConfig=sizes)
        for marker in page.get("DeleteMarkers", ())
        if marker["IsLatest"] and marker["LastModified"] >= since.replace(tzinfo=UTC)
    ]
    for start in range(0, len(markers), PAGE):
        part = markers[start : start + PAGE]
        answer = client.delete_objects(Bucket=bucket, Delete={"Objects": part, "Quiet": True})
        for error in answer.get("Errors", ()):
            raise RuntimeError(f"{error['Key']}: {error['Code']}: {error['Message']}")
    return len(markers)


def main(
    url: Annotated[str, typer.Argument(help="s3://bucket/prefix of the collectors.")],
    since: Annotated[datetime, typer.Option(help="Removed then or later, in UTC.")] = datetime.min,
) -> None:
    """Bring back removed segments. Exit code 1: one could not be brought back."""
    if not url.startswith("s3://"):
        raise typer.BadParameter(f"{url!r} is no URL of S3, s3://bucket/prefix")
    try:
        print(f"{restore(url, since):,} segments are back")
    except RuntimeError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error


if __name__ == "__main__":
    typer.run(main)
