"""Segments that were removed from a bucket with versions come back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

import restore_segments
from restore_segments import restore

ALWAYS = datetime.min
BUCKET = "events"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket that keeps versions, of a server that boto3 finds by the environment."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = boto3.client("s3")
    client.create_bucket(Bucket=BUCKET)
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    yield client
    server.stop()


def keys(s3: Any) -> list[str]:
    return [one["Key"] for one in s3.list_objects_v2(Bucket=BUCKET).get("Contents", ())]


def test_removed_segments_come_back_as_they_were(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore_segments, "PAGE", 5)
    names = [f"events/{number}.ndjson" for number in range(13)]
    for name in [*names, "other/1.ndjson"]:
        s3.put_object(Bucket=BUCKET, Key=name, Body=name.encode())
    for name in [*names[:11], "other/1.ndjson"]:
        s3.delete_object(Bucket=BUCKET, Key=name)
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).replace(tzinfo=None)
    assert restore(f"s3://{BUCKET}/events/", tomorrow) == 0
    assert len(keys(s3)) == 2
    assert restore(f"s3://{BUCKET}/events/", ALWAYS) == 11
    assert sorted(keys(s3)) == sorted(names)
    body = s3.get_object(Bucket=BUCKET, Key=names[7])["Body"].read()
    assert body == names[7].encode()
    assert restore(f"s3://{BUCKET}/events/", ALWAYS) == 0


def test_what_s3_refuses_is_an_error(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    s3.put_object(Bucket=BUCKET, Key="events/1", Body=b"{}")
    s3.delete_object(Bucket=BUCKET, Key="events/1")
    denied = {"Key": "events/1", "Code": "AccessDenied", "Message": "Access Denied"}
    monkeypatch.setattr(s3, "delete_objects", lambda **_: {"Errors": [denied]})
    monkeypatch.setattr(boto3, "client", lambda _: s3)
    with pytest.raises(RuntimeError, match="events/1: AccessDenied"):
        restore(f"s3://{BUCKET}/events/", ALWAYS)
