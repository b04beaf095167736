"""How `hirehouse` signs in to Redshift: as dbt does, by the same profile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import redshift_connector
from redshift_connector.error import InterfaceError

from hirehouse.warehouse.connections import open_warehouse
from hirehouse.warehouse.profile import WarehouseError

SERVERLESS = "team.123456789012.eu-west-1.redshift-serverless.amazonaws.com"
VARIABLES = {
    "REDSHIFT_HOST": SERVERLESS,
    "REDSHIFT_USER": "loader",
    "REDSHIFT_PASSWORD": "secret",
    "REDSHIFT_DATABASE": "hirehouse",
}


@pytest.mark.parametrize(
    ("method", "wanted"),
    [
        ("database", {"user": "loader", "password": "secret"}),
        ("iam", {"iam": True, "db_user": "loader", "password": ""}),
    ],
)
def test_the_profile_signs_in_with_a_password_or_with_iam(
    method: str, wanted: dict[str, Any], profiles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}

    def connect(**settings: Any) -> None:
        given.update(settings)
        raise InterfaceError("no network here")

    monkeypatch.setattr(redshift_connector, "connect", connect)
    for name, value in {**VARIABLES, "REDSHIFT_METHOD": method}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DBT_PROFILES_DIR", str(profiles))
    with pytest.raises(WarehouseError, match=f"Redshift {SERVERLESS}:5439/hirehouse: no network"):
        open_warehouse("redshift")
    always = {"host": SERVERLESS, "database": "hirehouse", "ssl": True, "is_serverless": True}
    assert given.items() >= (always | wanted).items()
    assert ("iam" in given) == (method == "iam")
