"""What becomes of views on the Redshift rig when dbt builds what they read."""

from __future__ import annotations

from pathlib import Path

from hirehouse.landing.land import land
from hirehouse.running.warm_dbt import WarmDbt
from hirehouse.warehouse.connections import open_warehouse
from rig.server import Redshift

BELOW, ABOVE = "stg_web__identity_linked", "int_identity_link_ends"
VIEWS = f"select relname from pg_class where relname like '{BELOW}%' or relname = '{ABOVE}'"
DEFINITION = f"select pg_get_viewdef('staging.{BELOW}')"


def test_a_view_that_is_built_again_keeps_the_views_on_it(
    redshift: Redshift, redshift_environment: dict[str, str], tmp_path: Path
) -> None:
    with open_warehouse() as warehouse:
        land([], warehouse)
    dbt = WarmDbt(folder=tmp_path, variables=redshift_environment)
    assert dbt.run("run", "--select", f"+{ABOVE}").success
    [node] = [node for node in dbt.manifest.nodes.values() if node.name == BELOW]
    whole = node.raw_code
    for sql, there in (
        (whole, {BELOW, ABOVE}),
        (f"{whole} where method = 'another'", {BELOW, ABOVE}),
        (whole.replace("select *", "select *, 1 as more"), {BELOW}),
    ):
        node.raw_code = sql
        assert dbt.run("run", "--select", BELOW).success
        with open_warehouse() as warehouse:
            assert {name for (name,) in warehouse.query(VIEWS)} == there
        [(query,)] = redshift.as_owner(DEFINITION, redshift_environment["REDSHIFT_DATABASE"])
        assert ("another" in query) == ("another" in sql)
        assert (" more" in query) == (" more" in sql)
