"""The spool when its folder is removed, replaced or full of what is not its own."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from hirehouse.collecting.spool import NotDurable, Spool, recover
from support.collectors import Collector, Load, call, serving, spooled, until
from support.events import event

FOREIGN = b'{"foreign": 1}\nhalf a line'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def ids(folder: Path) -> list[str]:
    return [one["messageId"] for one in spooled(folder)]


def test_a_removed_folder_loses_no_answered_event(folder: Path) -> None:
    answered = []
    with serving(folder, age=60) as port:
        for number in range(20):
            if number % 5 == 4:
                for path in folder.glob("*.ndjson"):  # events that are complete are not ours
                    shutil.copy(path, folder.parent)
                shutil.rmtree(folder)
            one = event(number)
            answer = call(port, "/v1/track", one)
            if answer.status == 200:
                answered.append(one["messageId"])
            else:
                assert answer.status == 503
                assert call(port, "/ready", method="GET").status == 503
    assert len(answered) >= 15
    assert sorted(ids(folder) + ids(folder.parent)) == answered


def test_a_segment_whose_folder_is_removed_is_restored_without_further_events(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(folder, age=0.5) as port:
        assert call(port, "/v1/track", event(1)).status == 200
        shutil.rmtree(folder)
        until(lambda: folder.exists() and ids(folder) == ["m-0000001"], seconds=10)
        assert call(port, "/v1/track", event(2)).status == 200
        assert call(port, "/ready", method="GET").status == 200
    assert len(ids(folder)) == 2
    assert not list(folder.glob(".*"))
    assert ".part was removed" in capsys.readouterr().err


def test_a_removed_segment_is_restored(folder: Path) -> None:
    with serving(folder, age=60) as port:
        assert call(port, "/v1/track", event(1)).status == 200
        [path] = folder.glob(".*.part")
        path.unlink()
        path.write_bytes(FOREIGN)  # another file of its name
        assert call(port, "/v1/track", event(2)).status == 503
        assert call(port, "/v1/track", event(3)).status == 200
        assert path.read_bytes() == FOREIGN
        path.unlink()
    assert ids(folder) == ["m-0000001", "m-0000003"]


def test_a_folder_that_can_not_be_made_again_answers_503_until_it_can(folder: Path) -> None:
    with serving(folder, age=0.2) as port:
        assert call(port, "/v1/track", event(1)).status == 200
        shutil.rmtree(folder)
        folder.write_text("a file in its place")
        until(lambda: call(port, "/ready", method="GET").status == 503, seconds=10)
        for number in range(2, 5):
            answer = call(port, "/v1/track", event(number))
            assert answer.status == 503
            assert f"{folder}: " in answer.json["message"]
        assert call(port, "/health", method="GET").status == 200
        folder.unlink()
        until(lambda: call(port, "/v1/track", event(5)).status == 200, seconds=10)
        until(lambda: call(port, "/ready", method="GET").status == 200, seconds=10)
    assert set(ids(folder)) == {"m-0000001", "m-0000005"}


def test_a_folder_that_comes_back_is_used_again(folder: Path) -> None:
    away = folder.with_name("away")
    with serving(folder, age=60) as port:
        assert call(port, "/v1/track", event(1)).status == 200
        folder.rename(away)
        folder.write_text("a file in its place")
        assert call(port, "/v1/track", event(2)).status == 503
        folder.unlink()
        away.rename(folder)
        assert call(port, "/v1/track", event(3)).status == 200
    assert ids(folder) == ["m-0000001", "m-0000003"]


def test_a_restored_segment_keeps_its_lines_if_the_disk_is_full(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        spool = Spool(folder, CollectorRegistry(), age=60)
        await spool.start()
        await spool.append([b"1", b"2"])
        shutil.rmtree(folder)
        write = os.write

        def full(file: int, data: bytes) -> int:
            if bytes(data[:2]) == b"1\n":
                raise OSError(28, "No space left on device")
            return write(file, data)

        monkeypatch.setattr(os, "write", full)
        for _ in range(3):
            with pytest.raises(NotDurable):
                await spool.append([b"3"])
            assert not folder.exists() or not list(folder.iterdir())
        assert "No space left" in spool.problem()
        monkeypatch.setattr(os, "write", write)
        await spool.append([b"4"])
        await spool.close()

    asyncio.run(main())
    texts = [path.read_text() for path in sorted(folder.glob("*.ndjson"))]
    assert texts == ["1\n2\n", "4\n"]
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize("trials", [3, pytest.param(100, marks=pytest.mark.every)])
def test_answered_events_are_kept_while_folders_are_removed(trials: int, tmp_path: Path) -> None:
    """Under load; what was complete before a removal counts, since removing it is not our doing."""
    draw = random.Random(trials)
    folder = tmp_path / "spool"
    collector = Collector("--spool", str(folder), "--age", "0.3")
    load = Load(collector.port, 0)
    kept: list[str] = []
    for number in range(trials):
        time.sleep(draw.uniform(0.05, 0.5))
        removed = tmp_path / f"removed{number}"
        try:
            folder.rename(removed)  # in one step, so that nothing becomes complete meanwhile
        except FileNotFoundError:
            continue
        for path in removed.glob(".*.part"):
            path.unlink()
        kept += ids(removed)
    time.sleep(1.5)
    assert collector.end() == 0
    for thread in load.threads:
        thread.join()
    kept += ids(folder)
    assert load.answered <= set(kept) <= load.sent
    assert len(kept) == len(set(kept))
    assert len(load.answered) > 20 * trials


@pytest.fixture
def foreign(folder: Path) -> Iterator[Path]:
    """A file that names in the spool lead to."""
    folder.mkdir()
    path = folder.parent / "foreign"
    path.write_bytes(FOREIGN)
    (folder / ".1-1.ndjson.part").symlink_to(path)
    (folder / ".2-1.ndjson.part").mkdir()
    os.mkfifo(folder / ".3-1.ndjson.part")
    (folder / ".4-1.ndjson.part").symlink_to(folder / ".4-1.ndjson.part")
    (folder / ".5-1.ndjson.part").symlink_to(folder / ".3-1.ndjson.part")
    (folder / ".6-1.ndjson.part").write_bytes(b'{"messageId":"own"}\n{')
    yield path
    assert path.read_bytes() == FOREIGN


@pytest.mark.usefixtures("foreign")
def test_what_is_no_segment_is_left_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    thread = threading.Thread(target=recover, args=[folder], daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    assert ids(folder) == ["own"]
    log = capsys.readouterr().err.splitlines()
    assert [f".{n}-1.ndjson.part" in text for n, text in enumerate(log, 1)] == [True] * 5
    with serving(folder) as port:
        assert call(port, "/v1/track", event(1)).status == 200
    assert len(ids(folder)) == 2
    assert len(list(folder.glob(".*.part"))) == 5
