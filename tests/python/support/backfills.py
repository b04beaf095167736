"""What tests of the backfill share: a mapping, its rows, and the events they give."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner, Result

from hirehouse.backfilling.errors import BackfillError
from hirehouse.backfilling.events import make_events
from hirehouse.backfilling.source import open_source
from hirehouse.commands.main import app
from hirehouse.contracts.model import ROOT, load

MAPPING = ROOT / "backfills/hiring_log/mapping.sql"
OFFERS = """\
-- Offers of an older system.
select
    'offer_extended' as event,
    'old-' || id as message_id,
    source_row,
    timezone('Europe/Berlin', cast(made_at as timestamp)) as occurred_at,
    by_user as user_id,
    'old-' || id as offer_id,
    candidacy as candidacy_id,
    cast(salary as integer) as base_salary,
    case trim(money) when 'Euro' then 'EUR' when 'Pound' then 'GBP' else money end as currency,
    cast(until as date) as expires_on
from source
"""
# What no message may have: our SQL, and advice on settings that a user can't change.
OURS = re.compile(r"source_rows|arriving|create (or|table)|read_csv|LINE \d|Possible|INSTALL")
HEADER = "id,made_at,by_user,candidacy,salary,money,until"
ROWS = [
    "1,2024-03-01 09:00:00,u1,c1,50000,Euro,2024-04-01",
    '2,2024-07-01 09:00:00.25,,"c,""2""",0070000,Pound,',
    "3,2024-07-02 00:00:00,u3,ç🙂,,,",
]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["backfill", *map(str, arguments)], terminal_width=200)


def written(folder: Path, text: str = "\n".join([HEADER, *ROWS]), mapping: str = OFFERS) -> Path:
    (folder / "mapping.sql").write_text(mapping)
    (folder / "rows.csv").write_text(text)
    return folder / "rows.csv"


def events(folder: Path, source: object, csv: str = "") -> list[dict[str, Any]]:
    """The events of a source by the mapping in `folder`, in the order of the file."""
    with open_source(str(source), csv) as opened:
        path = make_events(folder / "mapping.sql", opened, folder / "out", load()).path
    return [orjson.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def problem(folder: Path, source: object) -> str:
    with pytest.raises(BackfillError) as caught:
        events(folder, source)
    assert not list(folder.glob("out/*")), "something was written"
    return str(caught.value)
