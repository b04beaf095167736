"""Landings from S3 to the Redshift rig, killed at each of their steps: nothing is lost or twice."""

from __future__ import annotations

from collections.abc import Callable

from hirehouse.landing.land import land
from hirehouse.warehouse.connections import open_warehouse
from rig.server import BUCKET, Hold, Redshift
from support.events import event, line, segment_name
from support.forks import Fork, landing

RecordProperty = Callable[[str, object], None]
Moment = Callable[[Redshift], Hold]
PATIENCE = 60  # seconds, on a busy machine


def statement(pattern: str) -> Moment:
    """When such a statement comes; it still runs, and without an answer to anyone."""
    return lambda rig: rig.hold(pattern)


def request(method: str, part: str) -> Moment:
    """When S3 is asked for something with such a part in its path, which it still does."""

    def hold(rig: Redshift) -> Hold:
        held = Hold()

        def wait(asked: str, path: str, _: object) -> str:
            if asked == method and part in path and not held.reached.is_set():
                held.wait()
            return ""

        rig.storage.fault = wait
        return held

    return hold


# What a landing is killed at, the moments before that, and whether the batch has then landed.
STEPS: dict[str, tuple[list[Moment], bool]] = {
    "waiting for its turn": ([statement("^lock table")], False),
    "taking its number": ([statement("^insert into landed.batches")], False),
    "uploading": ([request("PUT", "/interview_requested.parquet")], False),
    "copying the first table": ([statement("^copy landed")], False),
    "uploading the second": ([statement("^copy landed"), request("PUT", ".manifest")], False),
    "copying the last table": ([statement('^copy landed."unknown_properties"')], False),
    "all copied": ([statement("^update landed.batches")], False),
    "committing": ([statement("^update landed.batches"), statement("^commit")], True),
    "removing what has landed": ([request("DELETE", "/segments/")], True),
}


def landing_held_at(moments: list[Moment], url: str, rig: Redshift) -> tuple[Fork, Hold]:
    """A landing that has come to the last of some moments."""
    first, *others = moments
    held = first(rig)
    lander = Fork(landing([url], remove=True))
    assert held.reached.wait(PATIENCE)
    for moment in others:
        later = moment(rig)
        held.go.set()
        held = later
        assert held.reached.wait(PATIENCE)
    return lander, held


def test_a_landing_killed_at_any_step_lands_once(
    redshift: Redshift, redshift_environment: dict[str, str], record_property: RecordProperty
) -> None:
    folder = f"{redshift_environment['REDSHIFT_DATABASE']}/segments"
    url = f"s3://{BUCKET}/{folder}"
    for number, (step, (moments, has_landed)) in enumerate(STEPS.items()):
        lines = [line(event(10 * number)), line(event(10 * number + 1, unknown=1)), b"no event"]
        text = b"\n".join(lines) + b"\n"
        redshift.s3.put_object(
            Bucket=BUCKET, Key=f"{folder}/{segment_name(number, text)}", Body=text
        )
        lander, held = landing_held_at(moments, url, redshift)
        assert lander.kill(), step
        held.go.set()
        redshift.storage.fault = None
        with open_warehouse() as warehouse:
            result = land([url], warehouse, remove=True)
        assert (result.events, result.failed) == ((0, 0) if has_landed else (2, 1)), step
    record_property("kills in landing, each at another step", len(STEPS))
    expected = sorted(f"m-{10 * n + row:07d}" for n in range(len(STEPS)) for row in (0, 1))
    with open_warehouse() as warehouse:
        ids = warehouse.query("select event_id from landed.interview_requested order by 1")
        assert [key for (key,) in ids] == expected
        batches = warehouse.query("select batch_id from landed.batches order by 1")
        assert [batch_id for (batch_id,) in batches] == list(range(1, len(STEPS) + 1))
        for table, key in (
            ("unknown_properties", "event_id"),
            ("failed_events", "failure_id"),
            ("failed_event_bodies", "failure_id"),
        ):
            sql = f"select count(*), count(distinct {key}) from landed.{table}"
            assert warehouse.query(sql) == [(len(STEPS), len(STEPS))], table
    assert not [key for key in redshift.storage.objects(BUCKET) if key.startswith(folder)]
