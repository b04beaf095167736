"""Warehouses with all models, that several test files read: they are built once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import ENGINES, surrounded_by
from hirehouse.running.warm_dbt import WarmDbt
from hirehouse.warehouse.connections import open_warehouse
from support.marts import MakeEnvironment, land_into, mart_hashes, one_test_in, simulated
from support.parsing import leave_out_comments

# A line that can't be read carries no time, and so was received when it landed.
UNDATED = {"received_at": "0", "known_on": "case when t.landed_count > 0 then t.known_on end"}
SHOWN = ("core", "data_science", "operations")  # schemas whose marts show when something arrived
SEED = 2  # not that of the Redshift rig, which runs other unit tests
# Marts of both engines are compared row by row, so data tests that hold on one hold on the other.
BUILD = {
    "duckdb": ["build"],
    "postgres": ["build", "--exclude-resource-type", "test"],
    "every": ["build", "--select", "*"],
}


@dataclass
class Built:
    """A warehouse that has landed three marketplaces and built all models."""

    folders: list[Path]
    environment: dict[str, str]
    hashes: dict[str, str]
    arrivals: dict[str, str]  # of the marts that depend on the order of arrival


@pytest.fixture(scope="session")
def marketplaces(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> list[Path]:
    """Three marketplaces, larger ones with --all."""
    everything = request.config.getoption("--all")
    size = {"candidates": 1_500, "days": 90} if everything else {"candidates": 400, "days": 85}
    return simulated(tmp_path_factory.mktemp("marketplaces"), **size)


@pytest.fixture(scope="session")
def builds(
    marketplaces: list[Path],
    make_environment: MakeEnvironment,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> dict[str, Built]:
    """Per engine the three marketplaces, landed and built in one go; for tests that only read."""
    everything = request.config.getoption("--all")
    builds = {}
    for engine in ENGINES:
        folder = tmp_path_factory.mktemp(engine)
        environment = make_environment(engine, folder)
        with surrounded_by(environment):
            landed = land_into(environment, marketplaces)
            assert not landed.unreadable
            warm = WarmDbt(folder=folder / "target", variables=environment)
            leave_out_comments(warm.manifest)
            arguments = BUILD["every" if everything else engine]
            if engine == "postgres" and not everything:
                arguments = [*arguments, *one_test_in(10, warm, SEED)]
            outcome = warm.run(*arguments)
            assert outcome.success, outcome.failed()
            with open_warehouse() as warehouse:
                hashes = mart_hashes(warehouse)
                arrivals = mart_hashes(warehouse, SHOWN, UNDATED)
            builds[engine] = Built(marketplaces, environment, hashes, arrivals)
    return builds


@pytest.fixture(params=ENGINES)
def built(
    request: pytest.FixtureRequest, builds: dict[str, Built], monkeypatch: pytest.MonkeyPatch
) -> Built:
    built = builds[request.param]
    for name, value in built.environment.items():
        monkeypatch.setenv(name, value)
    return built
