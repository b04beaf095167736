"""What Redshift refuses, the rig refuses; what the project uses, it takes."""

from __future__ import annotations

import pytest

from rig.allowed import ALLOWED_FUNCTIONS, CATALOG_FUNCTIONS
from rig.checking import refusal
from rig.published import LEADER_ONLY, UNSUPPORTED_FUNCTIONS, UNSUPPORTED_TYPES
from support.redshift_statements import REFUSED, TAKEN


@pytest.mark.parametrize("sql", TAKEN)
def test_what_the_project_uses_passes(sql: str) -> None:
    assert refusal(sql) is None


@pytest.mark.parametrize(("sql", "named"), REFUSED.items())
def test_redshift_refuses(sql: str, named: str) -> None:
    refused = refusal(sql)
    assert refused
    assert named in f"{refused.message} {refused.detail}"


def test_a_type_is_not_changed_within_a_transaction() -> None:
    refused = refusal("alter table s.t alter column a type varchar(20)", in_transaction=True)
    assert refused
    assert "transaction block" in refused.message


def test_nothing_is_allowed_that_amazon_lists_as_unsupported() -> None:
    assert not ALLOWED_FUNCTIONS & (UNSUPPORTED_FUNCTIONS | LEADER_ONLY)
    assert not CATALOG_FUNCTIONS & UNSUPPORTED_FUNCTIONS
    assert len(UNSUPPORTED_FUNCTIONS) > 50
    assert len(UNSUPPORTED_TYPES) > 30


@pytest.mark.parametrize("name", sorted(UNSUPPORTED_FUNCTIONS | LEADER_ONLY))
def test_each_function_that_tables_can_not_use_is_refused(name: str) -> None:
    assert refusal(f"select {name}(a) from s.t")


@pytest.mark.parametrize("name", sorted(UNSUPPORTED_TYPES - {"varbit", "txid_snapshot"}))
def test_each_type_that_redshift_lacks_is_refused(name: str) -> None:
    assert refusal(f"create table s.t (a {name})")
