"""What files hold: lines of JSON land, and what is something else says what it is."""

from __future__ import annotations

import codecs
import gzip
import json
from pathlib import Path

import pytest

from hirehouse.landing.land import land
from hirehouse.landing.recognize import other_content
from hirehouse.warehouse.connections import Warehouse
from support.events import event, line, packed, write

pytestmark = pytest.mark.one_engine


EVENTS = [line(event(number)) for number in range(20)]
COMMAS = [*(text + b"," for text in EVENTS[:-1]), EVENTS[-1]]
PRETTY = json.dumps(event(1), indent=2).encode()
OTHERS = {
    "an array on one line": (b"[" + b",".join(EVENTS) + b"]", "jq -c '.[]'"),
    "an array, an event per line": (b"[\n" + b"\n".join(COMMAS) + b"\n]\n", "jq -c '.[]'"),
    "an array, its start on a line": (b"[" + b"\n".join(COMMAS) + b"]", "jq -c '.[]'"),
    "an array of one": (b"[\n" + EVENTS[0] + b"\n]\n", "jq -c '.[]'"),
    "an array per line": (b"[%s]\n[%s]\n" % (EVENTS[0], EVENTS[1]), "jq -c '.[]'"),
    "a pretty array": (json.dumps([event(1), event(2)], indent=1).encode(), "jq -c '.[]'"),
    "half an array": ((b"[\n" + b"\n".join(COMMAS) + b"\n]\n")[:2_000], "jq -c '.[]'"),
    "a long array": (b"[" + b",".join(EVENTS * 500) + b"]", "jq -c '.[]'"),
    "a long array over lines": (b"[\n" + b",\n".join(EVENTS * 500) + b"\n]", "jq -c '.[]'"),
    "pretty": (PRETTY, "jq -c ."),
    "pretty, with a mark": (codecs.BOM_UTF8 + PRETTY + b"\r\n", "jq -c ."),
    "pretty and many": (PRETTY + b"\n" + PRETTY, "jq -c ."),
    "pretty and long": (json.dumps(list(range(200_000)), indent=1).encode(), "jq -c '.[]'"),
    "a pretty and long one": (json.dumps({"a": [*range(200_000)]}, indent=1).encode(), "jq -c ."),
    "half of a pretty one": (PRETTY[: len(PRETTY) // 2], "jq -c ."),
    "UTF-16": ("\n".join(t.decode() for t in EVENTS).encode("utf-16"), "iconv -f UTF-16 "),
    "UTF-16 of one line": (EVENTS[0].decode().encode("utf-16"), "iconv -f UTF-16 "),
    "UTF-16 without a mark": (EVENTS[0].decode().encode("utf-16-le"), "iconv -f UTF-16LE "),
    "UTF-16, big end": (EVENTS[0].decode().encode("utf-16-be"), "iconv -f UTF-16BE "),
    "UTF-32": (EVENTS[0].decode().encode("utf-32"), "iconv -f UTF-32 "),
    "UTF-32 without a mark": (EVENTS[0].decode().encode("utf-32-le"), "iconv -f UTF-32LE "),
    "an array in UTF-16": (b"[\n".decode().encode("utf-16"), "iconv -f UTF-16 "),
    "a table": (b"id,name\r\n1,messageId\r\n", "hirehouse backfill"),
    "text": ("\n".join(["zwölf"] * 300_000).encode(), "one per line"),
    "bytes": (bytes(range(256)) * 9_000, "one per line"),
    "bzip2": (b"BZh91AY&SY", "unpack it"),
    "xz": (b"\xfd7zXZ\0\0", "unpack it"),
    "zip": (b"PK\x03\x04\n", "unpack it"),
    "Parquet": (b"PAR1\x15\n", "hirehouse backfill"),
    "gzip in gzip": (gzip.compress(b"{}\n"), "one per line"),
}


@pytest.mark.parametrize("kind", ["gzip", "zstd", "plain"])
def test_what_is_no_ndjson_says_what_it_is(warehouse: Warehouse, tmp_path: Path, kind: str) -> None:
    packed_only = ("gzip in gzip", "Parquet")
    others = {n: data for n, data in OTHERS.items() if kind != "plain" or n not in packed_only}
    files = {tmp_path / f"{n}.ndjson": other for n, other in enumerate(others.values())}
    for file, (data, _) in files.items():
        file.write_bytes(packed(data, kind))
    result = land([tmp_path], warehouse)
    assert (result.events, result.failed, result.inputs) == (0, 0, [])
    told = dict(text.split(": ", 1) for text in result.unreadable)
    assert len(told) == len(files)
    for (file, (_, cure)), name in zip(files.items(), others, strict=True):
        assert cure in told[str(file)], name


def test_a_file_that_may_hold_events_is_an_error_and_another_is_left_out(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    good = write(folder / "good.ndjson", [line(event(1))])
    (folder / "array.json").write_bytes(OTHERS["a pretty array"][0])
    (folder / "wide.json").write_bytes(OTHERS["UTF-16"][0])
    (folder / "truth.json").write_bytes(b'{\n "a": 1\n}\n')
    (folder / "backup.gz").write_bytes(b"x\n")
    (folder / "none.json").write_bytes(b"[]")
    result = land([folder], warehouse)
    assert (result.events, result.failed, result.inputs) == (1, 0, [str(good)])
    refused = [text.split(": ")[0] for text in result.unreadable]
    assert refused == [str(folder / "array.json"), str(folder / "wide.json")]
    assert result.left_out == {
        "no line of JSON in its first megabyte": [str(folder / "backup.gz")],
        "a JSON array": [str(folder / "none.json")],
        "JSON over several lines": [str(folder / "truth.json")],
    }
    # What is named is never left out.
    named = land([folder / "truth.json"], warehouse)
    assert [text.split("; ")[1] for text in named.unreadable] == [
        "write one event per line: jq -c ."
    ]


BROKEN = {
    "a broken line of the middle": [EVENTS[0], b"no", b"{", b"[", EVENTS[1]],
    "no JSON at first": [b"no", b"", EVENTS[0]],
    "half an event at first": [EVENTS[0][:50], EVENTS[1], EVENTS[2]],
    "half an event alone": [EVENTS[0][:50]],
    "half an event that ends with a comma": [EVENTS[0][: EVENTS[0].index(b",") + 1], EVENTS[1]],
    "half an event and garbage": [EVENTS[0][:50], b"no", b"nor this", b"nor that"],
    "bytes at first": [b"\xff\xfe\0{", EVENTS[0]],
    "zero bytes at first": [b'{\0"', EVENTS[0]],
    "a list at first": [b"[1,2]", EVENTS[0], EVENTS[1]],
    "half a list at first": [b"[1,2", EVENTS[0], EVENTS[1]],
    "bad UTF-8": [EVENTS[0].replace(b"cdy", b"\xff"), EVENTS[1]],
    "a deep one": [b'{"a":' + b"[" * 9_000 + b"]" * 9_000 + b"}"],
    "only broken lines": [b'{"broken": %d' % number for number in range(50)],
    "NaN, half an emoji, twice": [b'{"a": NaN}', b'{"a":"\\ud83d"}', b'{"a":1,"a":1}'],
    "blank lines at first": [b"", b" \r", b"no", EVENTS[0]],
    "a table, and events": [b"a,b", b"1,2", EVENTS[0]],
    "a manifest on a line": [b'{"files":[1,2]}'],
}


@pytest.mark.parametrize("name", BROKEN)
def test_lines_may_be_broken(name: str) -> None:
    assert other_content(b"\n".join(BROKEN[name])) is None
    assert other_content(b"\n\n" + b"\r\n".join(BROKEN[name]) + b"\r\n") is None
    assert other_content(codecs.BOM_UTF8 + b"\n".join(BROKEN[name])) is None


def test_broken_lines_land_as_failed_events(warehouse: Warehouse, tmp_path: Path) -> None:
    counts = [0, 0]
    for number, lines in enumerate(BROKEN.values()):
        write(tmp_path / f"{number}.ndjson", lines)
        counts[0] += len([text for text in lines if text in EVENTS])
        counts[1] += len([text for text in lines if text.strip() and text not in EVENTS])
    result = land([tmp_path], warehouse)
    assert ([result.events, result.failed], result.unreadable) == (counts, [])
