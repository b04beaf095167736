"""Backfill: any file gives its events, or a message with its place; never a traceback."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest

from hirehouse.backfilling.errors import BackfillError
from hirehouse.backfilling.source import open_source
from support.backfills import HEADER, OFFERS, OURS, events

# Pieces of values, some of which are no CSV.
PIECES = [
    *(
        "",
        "é",
        "“x”",
        "a,b",
        '""',
        '"',
        "\n",
        "\r\n",
        "\r",
        "\0",
        "\u202e",
        "🙂",
        "\ufeff",
        " ",
        "\t",
    ),
    *(
        "0000-00-00",
        "-001-11-30",
        "+026-03-02",
        "31.12.2024",
        "2024-03-01T00:00:00+25:00",
        "infinity",
    ),
    *(
        "1e999",
        "-1e-400",
        "NaN",
        "9" * 40,
        "1,5",
        "0x1F",
        "null",
        "true",
        "{",
        "[1",
        "\\N",
        "\\ud83d",
    ),
    *("'", ";", "$1", "?", "--", "/*", "x" * 300, "{{ x }}", "[/red]", "\x1b[2J"),
]
RIGHT = ["{}", "2024-03-01 09:00:00", "u1", "c1", "50000", "Euro", "2024-04-01"]
LENIENT = """
    select 'offer_extended' as event, 'x-' || source_row as message_id, source_row,
        coalesce(try_cast(made_at as timestamp), '2024-01-01') as occurred_at, by_user as user_id,
        'o' || source_row as offer_id, coalesce(candidacy, 'c') as candidacy_id,
        try_cast(salary as integer) as base_salary, until as expires_on
    from source
"""


def noise(draw: random.Random, rows: int) -> tuple[str, bytes]:
    """A file of about so many rows, and the end of its name."""

    def value(right: str, number: int) -> str:
        if draw.random() < 0.9:
            return right.format(number)
        return "".join(draw.choices(PIECES, k=draw.randrange(1, 3)))

    table = [[value(right, number) for right in RIGHT] for number in range(rows)]
    end = draw.choice(["\n", "\n", "\r\n", "\r"])
    kind = draw.choice(["csv", "csv", "ndjson", "json"])
    if kind == "csv":
        quoted = draw.random() < 0.7
        lines = [draw.choice([HEADER, HEADER, f"{HEADER},,", HEADER.upper()])]
        for row in table:
            texts = [f'"{text.replace(chr(34), chr(34) * 2)}"' if quoted else text for text in row]
            lines.append(
                ",".join(texts) + draw.choice(["", "", "", ",", ",,x"]) * (draw.random() < 0.1)
            )
        text = "".join(line + (end if draw.random() < 0.99 else "\r\n") for line in lines)
    else:
        values: list[Any] = [7, 1.5, None, True, {"a": ["é"]}, [], "\ud83d"]
        documents: list[dict[str, Any]] = [
            dict(zip(HEADER.split(","), row, strict=True))
            | ({draw.choice(HEADER.split(",")): draw.choice(values)} if draw.random() < 0.1 else {})
            for row in table
        ]
        ascii_only = draw.random() < 0.5
        written_out = [json.dumps(document, ensure_ascii=ascii_only) for document in documents]
        text = end.join(written_out) if kind == "ndjson" else f"[{f',{end}'.join(written_out)}]"
    encoding = draw.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252", "utf-32-le"])
    data = bytearray(text.encode(encoding, "replace"))
    for _ in range(draw.choice([0, 0, 0, 1, 5])):
        place = draw.randrange(len(data))
        data[place : place + draw.randrange(3)] = draw.randbytes(draw.randrange(3))
    if draw.random() < 0.1:
        data = bytearray(gzip.compress(data)[: draw.choice([None, None, -9])])
    return kind, bytes(data)


def test_any_file_gives_its_events_or_says_why_not(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    wanted = 20_000 if request.config.getoption("--all") else 600
    draw = random.Random(13)
    messages: list[str] = []
    given = tried = 0
    while tried < wanted:
        rows = draw.choice([1, 2, 10, 50])
        tried += rows
        kind, data = noise(draw, rows)
        path = tmp_path / f"noise.{kind}"
        path.write_bytes(data)
        (tmp_path / "mapping.sql").write_text(draw.choice([LENIENT, LENIENT, OFFERS]))
        (tmp_path / "out/mapping.ndjson.gz").unlink(missing_ok=True)
        try:
            made = events(tmp_path, path)
        except BackfillError as error:
            messages.append(str(error))
        else:
            given += 1
            with open_source(str(path)) as source:
                assert len(made) == source.count("source")
    for message in messages:
        assert message.startswith((str(tmp_path / "noise."), str(tmp_path / "mapping.sql")))
        assert not OURS.search(message)
    # Neither is an accident.
    assert min(len(messages), given) > tried / 200
