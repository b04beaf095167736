"""Backfill: rows of an older system become events, and the marts count what the rows say."""

from __future__ import annotations

import csv
import gzip
import os
import re
from collections import Counter, defaultdict
from pathlib import Path

import duckdb
import orjson
import psycopg2
import pytest

from hirehouse.backfilling.events import make_events
from hirehouse.backfilling.source import open_source
from hirehouse.contracts.model import ROOT, load
from hirehouse.warehouse.connections import Warehouse, open_warehouse
from support.backfills import HEADER, MAPPING, OFFERS, ROWS, events, problem, run, written
from support.marts import dbt

DOC = ROOT / "docs/backfill.md"
SAMPLE = ROOT / "backfills/hiring_log/sample.csv.gz"
WHOLE = Path(os.environ.get("HIRING_LOG") or ROOT / "../shared/data/hiring_log/hiring_log.csv.gz")
BUILD = ("build", "--exclude-resource-type", "unit_test", "--select")
SELECT = (*BUILD, "+fct_candidacies", "+fct_candidacy_stages", "+fct_offers")
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
    first = run("--mapping", MAPPING, SAMPLE)
    assert first.exit_code == 0, first.output
    assert "1,325 rows gave 1,325 events" in first.output
    dbt(environment, tmp_path, *SELECT)
    with open_warehouse(environment["HIREHOUSE_TARGET"]) as warehouse:
        assert marts(warehouse) == counted(SAMPLE)
        [(offers,)] = warehouse.query("select count(*) from marketplace.fct_offers")
        assert offers == counted(SAMPLE)[0]["offered"][0]
        assert not warehouse.query("select 1 from landed.failed_events")
    # The same rows in another order give the same file.
    with gzip.open(SAMPLE, "rt") as file:
        header, *rows = file.read().splitlines()
    turned = tmp_path / "turned.csv"
    turned.write_text("\n".join([header, *reversed(rows)]))
    for source in (SAMPLE, turned):
        again = orjson.loads(run("--mapping", MAPPING, source, "--json").stdout)
        assert len(again["landed"]["already"]) == 1
        assert again["landed"]["events"] == 0


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


def test_the_example_of_the_docs_gives_what_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = DOC.read_text()
    [rows] = re.findall(r"```csv\n(.*?)```", text, re.S)
    [mapping] = re.findall(r"```sql\n(.*?)```", text, re.S)
    told, error = re.findall(r"```text\n(.*?)```", text, re.S)
    (tmp_path / "old_applications.csv").write_text(rows)
    (tmp_path / "old_applications.sql").write_text(mapping)
    monkeypatch.chdir(tmp_path)
    [command] = re.findall(r"^hirehouse backfill (.* --out .*)$", text, re.M)
    result = run(*command.split())
    assert result.exit_code == 0, result.output
    assert told in result.stdout
    made = gzip.decompress(Path("events/old_applications.ndjson.gz").read_bytes()).splitlines()
    times = [(e["messageId"], e["timestamp"]) for e in map(orjson.loads, made)]
    assert times == [
        ("old-application-7", "2024-03-01T08:00:00Z"),
        ("old-7-offer-1", "2024-03-20T14:30:00Z"),
        ("old-application-8", "2024-07-02T08:15:00Z"),
    ]
    Path("old_applications.csv").write_text(rows.replace(",bob,", ",,"))
    assert error.strip() in run(*command.split()).output


def test_values_become_json_by_their_types(tmp_path: Path) -> None:
    made = events(tmp_path, written(tmp_path))
    assert made[0] == {
        "type": "track",
        "event": "offer_extended",
        "messageId": "old-1",
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
    assert made[1]["timestamp"] == "2024-07-01T07:00:00.25Z"
    assert "userId" not in made[1]
    assert made[1]["properties"] == {
        "offer_id": "old-2",
        "candidacy_id": 'c,"2"',
        "base_salary": 70_000,
        "currency": "GBP",
    }
    assert made[2]["properties"] == {"offer_id": "old-3", "candidacy_id": "ç🙂"}


def test_numbers_keep_their_digits_and_lists_and_booleans_are_json(tmp_path: Path) -> None:
    mapping = """
        select 'placement_invoiced' as event, 'i' as message_id, now() as occurred_at,
            'i' as invoice_id, 'c' as candidacy_id, 'e' as employer_id, 'EUR' as currency,
            date '2030-01-31' as due_on, 8000000000.10::numeric(12,2) as amount
        union all by name
        select 'candidate_profile_submitted' as event, 'p' as message_id, now() as occurred_at,
            'c' as candidate_id, 'other' as role, 3::utinyint as years_experience,
            'x' as location, 'remote' as remote_preference, 70000.0::double as min_base_salary,
            ['sql', 'a"b'] as skills
        union all by name
        select 'interview_requested' as event, 'r' as message_id, now() as occurred_at,
            'c' as candidacy_id, 'c' as candidate_id, 'e' as employer_id, 'p' as position_id,
            1 as base_salary, 'EUR' as currency, true as remote, '7.1' as context_app_version
    """
    columns = {c.name for c in load()["interview_requested", 1].columns if c.type.kind == "boolean"}
    [boolean] = columns
    source = written(tmp_path, "x\n", mapping.replace("as remote,", f"as {boolean},"))
    with open_source(str(source)) as opened:
        path = make_events(tmp_path / "mapping.sql", opened, tmp_path, load()).path
    text = gzip.decompress(path.read_bytes()).decode()
    assert '"amount":8000000000.1}' in text or '"amount":8000000000.1,' in text
    assert '"skills":["sql","a\\"b"]' in text
    assert '"min_base_salary":70000,' in text or '"min_base_salary":70000}' in text
    assert f'"{boolean}":true' in text
    assert '"app":{"version":"7.1"}' in text


def test_every_kind_of_source_gives_the_same_events(
    tmp_path: Path, postgres_environment: dict[str, str]
) -> None:
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
    there.close()
    sources = ["rows.csv.gz", "rows.parquet", "rows.ndjson", "rows.jsonl.gz"]
    for one in [*(tmp_path / name for name in sources), f"{url}#old.Offers", "table:old.Offers"]:
        assert events(tmp_path, one) == expected, one
    (tmp_path / "out/mapping.ndjson.gz").unlink()
    assert "old.nothing" in problem(tmp_path, f"{url}#old.nothing")


@pytest.mark.usefixtures("duckdb_environment")
def test_a_table_of_the_duckdb_warehouse_is_a_source(tmp_path: Path) -> None:
    source = written(tmp_path)
    with open_warehouse("duckdb") as warehouse:
        warehouse.execute(f"create table offers as from read_csv('{source}', all_varchar = true)")
    result = run("--mapping", tmp_path / "mapping.sql", "table:main.offers", "--json")
    assert result.exit_code == 0, result.output
    assert orjson.loads(result.stdout)["landed"]["events"] == len(ROWS)
    assert events(tmp_path, "table:offers") == events(tmp_path, source)


def test_a_mapping_looks_at_other_rows_flattens_maps_and_joins_files(tmp_path: Path) -> None:
    mapping = """
        with steps as (
            select
                candidacy_id,
                stage,
                cast(entered ->> 'at' as timestamp) as occurred_at,
                source_row
            from (
                select
                    id as candidacy_id,
                    source_row,
                    unnest(map_entries(stages), recursive := true)
                from (
                    select * replace (cast(stages::json as map(varchar, json)) as stages)
                    from source
                )
            ) as entries (candidacy_id, source_row, stage, entered)
        )
        select
            'candidacy_stage_changed' as event, candidacy_id || '-' || stage as message_id,
            source_row, occurred_at, candidacy_id, names.ours as stage
        from steps left join read_csv('names.csv') as names on steps.stage = names.theirs
        -- Not a step back to where the candidacy has been.
        qualify row_number() over (
            partition by candidacy_id, names.ours order by occurred_at
        ) = 1
        union all by name
        select
            'candidate_profile_submitted' as event, 'profile' as message_id,
            max(cast(seen as timestamp)) as occurred_at, 'c' as candidate_id, 'other' as role,
            count(*) as years_experience, 'x' as location, 'remote' as remote_preference,
            list(skill order by seen) as skills
        from source
    """
    (tmp_path / "names.csv").write_text(
        "theirs,ours\nphone,phone_screen\ncall,phone_screen\nboard,final_interview\n"
    )
    stages = {
        "phone": {"at": "2024-01-01"},
        "call": {"at": "2024-01-02"},
        "board": {"at": "2024-01-03 10:00"},
    }
    rows = [
        {"id": "c1", "stages": stages, "skill": "sql", "seen": "2024-02-01"},
        {"id": "c2", "stages": {"call": {"at": "2024-01-05"}}, "skill": "go", "seen": "2024-01-01"},
    ]
    written(tmp_path, "", mapping)
    source = tmp_path / "rows.ndjson"
    source.write_bytes(b"\n".join(map(orjson.dumps, rows)))
    made = events(tmp_path, source)
    assert [(e["messageId"], e["properties"].get("stage")) for e in made] == [
        ("c1-phone", "phone_screen"),
        ("c1-board", "final_interview"),
        ("c2-call", "phone_screen"),
        ("profile", None),
    ]
    assert made[-1]["properties"]["skills"] == ["go", "sql"]


def test_ids_of_rows_stay_whatever_else_the_mapping_gives(tmp_path: Path) -> None:
    mapping = OFFERS.replace("'old-' || id as message_id,", "")
    source = written(tmp_path, mapping=mapping)
    ids = [event["messageId"] for event in events(tmp_path, source)]
    assert len(set(ids)) == len(ROWS)
    source.write_text("\n".join([HEADER, *reversed(ROWS)]))
    fewer = re.sub(r"cast\(salary.*|by_user.*", "", mapping)
    (tmp_path / "mapping.sql").write_text(fewer)
    again = events(tmp_path, source)
    assert "base_salary" not in str(again)
    assert [event["messageId"] for event in again] == ids
    # Two events of one kind from one row need ids of their own.
    (tmp_path / "out/mapping.ndjson.gz").unlink()
    (tmp_path / "mapping.sql").write_text(f"{fewer} union all by name {fewer}")
    assert "is that of 2 events offer_extended (rows 1, 1): make one" in problem(tmp_path, source)


def test_rows_without_event_are_counted(tmp_path: Path) -> None:
    source = written(tmp_path, mapping=OFFERS + "where salary is not null")
    result = run("--mapping", tmp_path / "mapping.sql", source, "--no-land", "--out", tmp_path)
    assert "3 rows gave 2 events" in result.output
    assert "1 rows gave no event" in result.output


def test_a_backfill_with_received_at_is_not_late(
    duckdb_environment: dict[str, str], tmp_path: Path
) -> None:
    gave = OFFERS.replace("by_user as", "occurred_at as received_at, by_user as")
    late = {}
    for name, mapping in (("in_time", gave), ("late", OFFERS)):
        renamed = (
            mapping.replace("'old-' ||", f"'{name}-' ||")
            .replace("from source", f"'{name}' as context_app_version from source")
            .replace("expires_on", "expires_on,")
        )
        source = written(tmp_path, mapping=renamed)
        result = run("--mapping", tmp_path / "mapping.sql", source)
        assert result.exit_code == 0, result.output
    dbt(duckdb_environment, tmp_path, *BUILD, "+event_health_daily", "+event_lateness")
    with open_warehouse("duckdb") as warehouse:
        late = dict(
            warehouse.query(
                "select context_app_version, sum(late_count) from operations.event_health_daily"
                " group by 1"
            )
        )
        delays = dict(
            warehouse.query(
                "select received_on < date '2025-01-01', max(p99_delay_seconds)"
                " from operations.event_lateness group by 1"
            )
        )
    assert late == {"in_time": 0, "late": 3}
    assert delays[True] == 0
    assert delays[False] > 86_400
