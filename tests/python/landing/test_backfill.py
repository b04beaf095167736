"""Backfill: rows of an older system become events, and the marts count what the rows say."""

from __future__ import annotations

import csv
import gzip
import os
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer import Typer
from typer.testing import CliRunner, Result

from hirehouse.backfilling.backfill import SourceError, backfill, open_source
from hirehouse.backfilling.mapping import MappingError, read_mapping
from hirehouse.commands.backfill import backfill_command
from hirehouse.contracts.model import ROOT, load
from hirehouse.warehouse.connections import Warehouse, open_warehouse
from support.marts import dbt, mart_hashes

MAPPING = ROOT / "backfills/hiring_log/mapping.yml"
SAMPLE = ROOT / "backfills/hiring_log/sample.csv.gz"
WHOLE = Path(os.environ.get("HIRING_LOG") or ROOT / "../shared/data/hiring_log/hiring_log.csv.gz")
SELECT = ("build", "--select", "+fct_candidacies", "+fct_candidacy_stages", "+fct_offers")
STAGES = {
    "Hand In Job Application": "applied",
    "Telephonic Screening": "phone_screen",
    "Screening Interview": "screening_interview",
    "Background Check": "background_check",
    "Extensive Background Check": "extensive_background_check",
    "Coding Interview": "coding_interview",
    "ML Interview": "ml_interview",
    "Frontend Interview": "frontend_interview",
    "Backend Interview": "backend_interview",
    "Behavioral Interview": "behavioral_interview",
    "Make Job Offer": "offered",
    "Application Rejected": "closed",
}
# As published: by stage the visits, and the cases that reached it.
PUBLISHED = {
    "applied": (10_000, 10_000),
    "phone_screen": (8_799, 8_799),
    "screening_interview": (7_809, 7_809),
    "background_check": (7_809, 7_809),
    "extensive_background_check": (2_099, 2_099),
    "coding_interview": (3_904, 3_904),
    "ml_interview": (2_334, 2_334),
    "frontend_interview": (2_913, 2_913),
    "backend_interview": (1_351, 1_351),
    "behavioral_interview": (3_796, 2_708),
    "offered": (3_401, 2_530),
    "closed": (9_654, 8_883),
}
OFFERS = """
name: old_offers
key: id
time: {column: made_at, zone: Europe/Berlin}
user_id: {column: by_user}
event: offer_extended
properties:
  offer_id: {template: "old-{id}"}
  candidacy_id: {column: candidacy}
  base_salary: {column: salary}
  currency: {column: money, map: {Euro: EUR, Pound: GBP}}
  expires_on: {column: until}
"""
HEADER = "id,made_at,by_user,candidacy,salary,money,until"
ROWS = [
    "1,2024-03-01 09:00:00,u1,c1,50000,Euro,2024-04-01",
    '2,2024-07-01 09:00:00.25,,"c,""2""",0070000,Pound,',
    "3,2024-07-02 00:00:00,u3,ç🙂,,,",
]


def run(*arguments: object) -> Result:
    app = Typer()
    app.command()(backfill_command)
    return CliRunner().invoke(app, [str(a) for a in arguments], terminal_width=200)


def written(folder: Path, text: str = "\n".join([HEADER, *ROWS]), mapping: str = OFFERS) -> Path:
    (folder / "mapping.yml").write_text(mapping)
    (folder / "rows.csv").write_text(text)
    return folder / "rows.csv"


def events(folder: Path, source: object) -> list[dict[str, Any]]:
    """The events of a source by the mapping in `folder`, in the order of their ids."""
    mapping = read_mapping(folder / "mapping.yml", load())
    with open_source(str(source), mapping.csv) as opened:
        path = backfill(mapping, opened, folder / "out").path
    made = [orjson.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    return sorted(made, key=lambda event: event["messageId"])


def problem(folder: Path, source: object) -> str:
    with pytest.raises((MappingError, SourceError)) as caught:
        events(folder, source)
    assert not list(folder.glob("out/*")), "something was written"
    return str(caught.value)


def counted(log: Path) -> tuple[dict[str, tuple[int, int]], Counter[str], dict[str, int]]:
    """From the log alone: (visits, cases) by stage, cases by status, offers by case."""
    cases: dict[str, list[tuple[int, str]]] = defaultdict(list)
    with gzip.open(log, "rt", newline="") as file:
        for row in csv.DictReader(file):
            step = (int(row["event_index"]), STAGES[row["activity"]])
            cases[row["case_id"]].append(step)
    stages, last, offers = {}, Counter[str](), {}
    for stage in STAGES.values():
        per_case = [sum(s == stage for _, s in steps) for steps in cases.values()]
        stages[stage] = (sum(per_case), sum(map(bool, per_case)))
    for case, steps in cases.items():
        names = [stage for _, stage in sorted(steps)]
        offered = "offered" if "offered" in names else "open"
        last["closed" if names[-1] == "closed" else offered] += 1
        offers[f"hl-{case}"] = names.count("offered")
    return stages, last, offers


def marts(warehouse: Warehouse) -> tuple[dict[str, tuple[int, int]], Counter[str], dict[str, int]]:
    """The same from the marts."""
    stages = warehouse.query(
        "select stage, count(*), count(distinct candidacy_id)"
        " from marketplace.fct_candidacy_stages group by stage"
    )
    statuses = warehouse.query(
        "select status, count(*) from marketplace.fct_candidacies group by 1"
    )
    offers = warehouse.query("select candidacy_id, offer_count from marketplace.fct_candidacies")
    return {s: (n, c) for s, n, c in stages}, Counter(dict(statuses)), dict(offers)


@pytest.mark.one_engine
def test_the_sample_comes_out_of_the_marts_as_it_is_and_again_changes_nothing(
    environment: dict[str, str], tmp_path: Path
) -> None:
    target = environment["HIREHOUSE_TARGET"]
    first = run("--mapping", MAPPING, SAMPLE)
    assert first.exit_code == 0, first.output
    assert "1,325 rows gave 1,325 events" in first.output
    dbt(environment, tmp_path, *SELECT)
    with open_warehouse(target) as warehouse:
        assert marts(warehouse) == counted(SAMPLE)
        [(offers,)] = warehouse.query("select count(*) from marketplace.fct_offers")
        assert offers == counted(SAMPLE)[0]["offered"][0]
        assert not warehouse.query("select 1 from landed.failed_events")
        before = mart_hashes(warehouse, ["landed", "marketplace"])
    again = run("--mapping", MAPPING, SAMPLE, "--json")
    assert orjson.loads(again.stdout)["landed"]["events"] == 0
    # The same rows in another order are another file, with the same events.
    with gzip.open(SAMPLE, "rt") as file:
        header, *rows = file.read().splitlines()
    turned = tmp_path / "turned.csv"
    turned.write_text("\n".join([header, *reversed(rows)]))
    moved = run("--mapping", MAPPING, turned, "--json")
    assert orjson.loads(moved.stdout)["landed"]["events"] == 1_325
    dbt(environment, tmp_path, *SELECT)
    with open_warehouse(target) as warehouse:
        after = mart_hashes(warehouse, ["marketplace"])
        assert after == {name: before[name] for name in after}


@pytest.mark.every
def test_the_whole_log_comes_out_of_the_marts_as_published(
    tmp_path: Path, duckdb_environment: dict[str, str]
) -> None:
    if not WHOLE.is_file():
        pytest.skip(f"the whole log is not at {WHOLE}; set HIRING_LOG")
    result = run("--mapping", MAPPING, WHOLE)
    assert result.exit_code == 0, result.output
    dbt(duckdb_environment, tmp_path, *SELECT)
    with open_warehouse("duckdb") as warehouse:
        stages, statuses, offers = marts(warehouse)
    assert stages == PUBLISHED
    assert statuses == {"closed": 7_570, "offered": 2_430}
    assert (stages, statuses, offers) == counted(WHOLE)


def test_values_arrive_as_the_contract_wants_them(tmp_path: Path) -> None:
    made = {e["properties"]["offer_id"]: e for e in events(tmp_path, written(tmp_path))}
    assert made["old-1"] | {"messageId": ""} == {
        "type": "track",
        "event": "offer_extended",
        "messageId": "",
        "timestamp": "2024-03-01T08:00:00Z",
        "userId": "u1",
        "context": {"library": {"name": "hirehouse-backfill"}},
        "properties": {
            "offer_id": "old-1",
            "candidacy_id": "c1",
            "base_salary": 50_000,
            "currency": "EUR",
            "expires_on": "2024-04-01",
        },
    }
    assert made["old-2"]["timestamp"] == "2024-07-01T07:00:00.250000Z"
    assert "userId" not in made["old-2"]
    assert made["old-2"]["properties"] == {
        "offer_id": "old-2",
        "candidacy_id": 'c,"2"',
        "base_salary": 70_000,
        "currency": "GBP",
    }
    assert made["old-3"]["properties"] == {"offer_id": "old-3", "candidacy_id": "ç🙂"}


def test_every_kind_of_source_gives_the_same_events(
    tmp_path: Path, postgres_environment: dict[str, str]
) -> None:
    import duckdb  # noqa: PLC0415
    import psycopg2  # noqa: PLC0415

    source = written(tmp_path)
    expected = events(tmp_path, source)
    assert len(expected) == len(ROWS)
    (tmp_path / "rows.csv.gz").write_bytes(gzip.compress(source.read_bytes()))
    with duckdb.connect(str(tmp_path / "old.duckdb")) as connection:
        # With types of their own, and in another order.
        connection.execute(f"""
            create table typed as
            select cast(id as bigint) as id, cast(made_at as timestamp) as made_at, by_user,
                candidacy, cast(salary as double) as salary, money, cast(until as date) as until
            from read_csv('{source}', all_varchar = true) order by id desc
        """)
        connection.execute(f"copy typed to '{tmp_path}/rows.parquet'")
        connection.execute(f"copy typed to '{tmp_path}/rows.ndjson' (format json)")
        connection.execute(f"copy typed to '{tmp_path}/rows.jsonl.gz' (format json)")
        rows = connection.execute("select * from typed").fetchall()
    e = postgres_environment
    url = f"postgresql://{e['PGUSER']}@{e['PGHOST']}:{e['PGPORT']}/{e['PGDATABASE']}"
    with psycopg2.connect(url) as there, there.cursor() as cursor:
        cursor.execute("""
            create schema old;
            create table old."Offers" (id integer, made_at timestamp, by_user text,
                candidacy varchar(20), salary numeric(10, 2), money char(8), until date)
        """)
        cursor.executemany('insert into old."Offers" values (%s, %s, %s, %s, %s, %s, %s)', rows)
        # The very same column with a zone, so that the session's own may not matter.
        cursor.execute("set timezone = 'Europe/Berlin'")
        cursor.execute('create view old.zoned as select * from old."Offers"')
        cursor.execute("""
            create table old.aware as select id, cast(made_at as timestamptz) as made_at, by_user,
                candidacy, salary, money, until from old.zoned
        """)
    there.close()
    sources = ["rows.csv.gz", "rows.parquet", "rows.ndjson", "rows.jsonl.gz"]
    for one in [*(tmp_path / name for name in sources), f"{url}#old.Offers", "table:old.aware"]:
        assert events(tmp_path, one) == expected, one
    assert "old.nothing" in problem_of_table(tmp_path, f"{url}#old.nothing")


def problem_of_table(folder: Path, source: str) -> str:
    mapping = read_mapping(folder / "mapping.yml", load())
    with pytest.raises(SourceError) as caught, open_source(source) as opened:
        backfill(mapping, opened, folder / "none")
    return str(caught.value)


@pytest.mark.usefixtures("duckdb_environment")
def test_a_table_of_the_duckdb_warehouse_is_a_source(tmp_path: Path) -> None:
    source = written(tmp_path)
    with open_warehouse("duckdb") as warehouse:
        warehouse.execute(f"create table offers as from read_csv('{source}')")
    result = run("--mapping", tmp_path / "mapping.yml", "table:main.offers", "--json")
    assert result.exit_code == 0, result.output
    assert orjson.loads(result.stdout)["landed"]["events"] == len(ROWS)
    assert events(tmp_path, "table:offers") == events(tmp_path, source)


def test_the_password_of_a_database_is_not_shown(tmp_path: Path) -> None:
    written(tmp_path)
    source = "postgresql://me:s3cret@127.0.0.1:1/db?password=s3cret#public.t"
    result = run("--mapping", tmp_path / "mapping.yml", source)
    assert result.exit_code == 1
    assert "127.0.0.1:1/db#public.t" in result.output
    assert "s3cret" not in result.output


def test_only_the_columns_that_the_mapping_names_are_read(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text(
        "case_id,event_index,activity,occurred_at,age,religious\n"
        "1,0,Application Rejected,2024-01-01T00:00:00Z,4711,4712\n"
    )
    assert run("--mapping", MAPPING, log, "--no-land", "--out", tmp_path).exit_code == 0
    text = gzip.decompress((tmp_path / "hiring_log.ndjson.gz").read_bytes())
    assert b"471" not in text
    assert b'"closed_by":"employer"' in text


def test_a_row_may_give_several_events_and_ids_are_its_own(tmp_path: Path) -> None:
    mapping = """
        name: old
        key: [id, line]
        time: {column: at, format: unix_ms}
        properties: {candidacy_id: {column: id}}
        event:
          by: what
          cases:
            rejected:
              - {event: candidacy_stage_changed, properties: {stage: {value: final_interview}}}
              - {event: candidacy_closed, properties: {reason: {value: rejected}}}
              - {event: candidacy_closed, properties: {reason: {value: other}}}
          ignore: [viewed, null]
    """
    rows = "id,line,what,at\n1,23,rejected,1704067200123\n12,3,rejected,1704067200123\n"
    source = written(tmp_path, rows + "13,1,viewed,\n14,1,,", mapping)
    made = events(tmp_path, source)
    assert len({event["messageId"] for event in made}) == 6
    assert {event["timestamp"] for event in made} == {"2024-01-01T00:00:00.123000Z"}
    result = run("--mapping", tmp_path / "mapping.yml", source, "--no-land", "--out", tmp_path)
    assert "4 rows gave 6 events" in result.output
    assert "2 rows left out" in result.output


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: old_offers", "name: ../x", "name: must be of letters"),
        ("key: id", "keys: id", "there is no 'keys' here; did you mean key?"),
        ("key: id", "key: []", "key: must be the column"),
        ("key: id", "key: idd", "has no column 'idd'; did you mean id?"),
        ("key: id", "key: 1", "key: must be the column"),
        ("event: offer_extended", "event: offer_extend", "did you mean offer_extended?"),
        ("  candidacy_id: {column: candidacy}\n", "", "requires the property candidacy_id"),
        ("  base_salary:", "  base_salry:", "there is no 'base_salry' here; did you mean"),
        ("{column: salary}", "{value: -1}", "properties.base_salary: breaks the contract"),
        ("{column: salary}", "{value: 2024-01-01}", "10: not YAML: '2024-01-01' is a date to YAML"),
        ("{column: salary}", "salary", "must be one of {column"),
        ("Pound: GBP", "Pound: XYZ", "map.Pound: breaks the contract"),
        ("old-{id}", "old-{id:>4}", "only {column} may stand in a template"),
        ("old-{id}", "old-{id", "expected '}'"),
        ("Europe/Berlin", "Berlin", "'Berlin' is no zone"),
        (
            "event: offer_extended",
            "event: {by: money, cases: {}}",
            "event.cases: must be a mapping from values to events",
        ),
        ("event: offer_extended", "event: {by: money, cases: {1: x}}", "1 must be text"),
        ("key: id", "key: [id", "not YAML"),
        ("key: id", "", "key: is missing: must be the column"),
        ("key: id", "key: id\nkey: id", "'key' is there twice"),
        ("time: {column: made_at, zone", "time: {zone", "time.column: is missing"),
        ("{column: salary}", "{column: salary, value: 1}", "base_salary: must be one of"),
        ("event: offer_extended", "event: []", "event: must be an event"),
        (
            "event: offer_extended",
            "event: {by: money, cases: {a: {}}}",
            "cases.a.event: is missing",
        ),
    ],
)
def test_a_broken_mapping_says_where_and_what(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in OFFERS
    text = problem(tmp_path, written(tmp_path, mapping=OFFERS.replace(old, new)))
    assert text.startswith(str(tmp_path / "mapping.yml"))
    assert message in text


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("4,2024-03-31 02:30:00,,c,,,", "row 4: column made_at: '2024-03-31 02:30:00' does not"),
        ("4,soon,,c,,,", "row 4: column made_at: 'soon' is not a time ISO 8601: state `format`"),
        ("4,,,c,,,", "row 4: column made_at: empty"),
        (",2024-03-01 09:00:00,,c,,,", "row 4: column id: empty"),
        ("4,2024-03-01 09:00:00,,c,,Yen,", "row 4: column money: 'Yen' is not in the map"),
        ("3,2024-03-01 09:00:00,,c,,,", "2 rows have the key id '3'"),
        ("4,2024-03-01 09:00:00", "rows.csv: Invalid Input Error: CSV Error on Line: 5"),
    ],
)
def test_a_row_that_does_not_fit_stops_all(tmp_path: Path, row: str, message: str) -> None:
    source = written(tmp_path, "\n".join([HEADER, *ROWS, row]) + "\n")
    assert message in problem(tmp_path, source)


def test_values_that_no_case_names_are_all_told_and_nothing_lands(
    warehouse: Warehouse, environment: dict[str, str], tmp_path: Path
) -> None:
    warehouse.close()
    log = tmp_path / "log.csv"
    row = "{},0,{},2024-01-01T00:00:00Z\n".format
    log.write_text(
        "case_id,event_index,activity,occurred_at\n"
        + row(1, "Application Rejected")
        + "".join(row(number, f"Step {number % 12}") for number in range(2, 50))
    )
    result = run("--mapping", MAPPING, log, "--target", environment["HIREHOUSE_TARGET"])
    assert result.exit_code == 1
    assert f"{log}: row 2: column activity: no case for 'Step 2': add it to" in result.output
    assert "(4 rows)" in result.output
    assert "and 2 more" in result.output
    assert "nothing has been written" in result.output
    with open_warehouse(environment["HIREHOUSE_TARGET"]) as opened:
        assert not opened.query(
            "select 1 from information_schema.schemata where schema_name='landed'"
        )


def test_a_file_of_no_known_kind_is_refused(tmp_path: Path) -> None:
    written(tmp_path)
    assert "neither a table nor a file that ends with .csv" in problem(tmp_path, tmp_path / "x.xls")
    assert "no such file" in problem(tmp_path, tmp_path / "x.csv")
    assert "name a table as schema.table" in problem(tmp_path, "table:a.b.c")


def test_the_name_of_a_file_is_no_pattern(tmp_path: Path) -> None:
    source = written(tmp_path)
    expected = events(tmp_path, source)
    for name in ("a*.csv", "a?.csv.gz", "[a]'.csv"):
        packed = name.endswith(".gz")
        text = source.read_bytes()
        (tmp_path / name).write_bytes(gzip.compress(text) if packed else text)
        assert events(tmp_path, tmp_path / name) == expected, name


def test_csv_of_another_kind(tmp_path: Path) -> None:
    mapping = OFFERS + 'csv: {delimiter: ";", encoding: latin-1}\n'
    source = written(tmp_path, mapping=mapping)
    source.write_bytes(
        f"{HEADER}\n1,2024-03-01 09:00:00,é,c,,,\n".replace(",", ";").encode("latin-1")
    )
    assert events(tmp_path, source)[0]["userId"] == "é"
