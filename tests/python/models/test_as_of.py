"""The var `as_of` is a day that `dim_dates` has, or an error that says what to pass."""

from __future__ import annotations

import datetime
import re
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from dbt_common.clients.jinja import get_environment
from dbt_common.exceptions.macros import MacroReturn

from hirehouse.contracts.model import ROOT

MACROS = (ROOT / "macros" / "numbers" / "as_of.sql").read_text()


def as_of(given: object) -> Any:
    """What the macro returns for a value of the var; a ValueError with its message."""

    def give(value: object) -> NoReturn:
        raise MacroReturn(value)

    def fail(message: str) -> NoReturn:
        raise ValueError(message)

    def calendar() -> Any:
        return returned(macros.dbt_macro__calendar)

    def returned(macro: Any) -> Any:
        with pytest.raises(MacroReturn) as found:
            macro()
        return found.value.value

    context = {
        "var": lambda _: given,
        "return": give,
        "calendar": calendar,
        "exceptions": SimpleNamespace(raise_compiler_error=fail),
        "modules": SimpleNamespace(re=re, datetime=datetime),
    }
    macros: Any = get_environment().from_string(MACROS, globals=context).module
    return returned(macros.dbt_macro__as_of)


def test_a_day_of_the_calendar_is_taken() -> None:
    assert as_of("") is None
    for day in ("2000-01-01", "2024-02-29", "2040-12-31"):
        assert as_of(day) == day
    # As YAML reads it without quotes.
    assert as_of(datetime.date(2026, 3, 31)) == "2026-03-31"


@pytest.mark.parametrize(
    "given",
    [
        *("2026-02-30", "2026-13-01", "2026-03-00", "9999-12-32", "0000-01-01"),
        *("2026-03", "2026-03-31 10:00", "today", 7),
    ],
)
def test_what_is_no_day_is_an_error(given: object) -> None:
    with pytest.raises(
        ValueError, match=f"`as_of` is '{given}', which is not a day: pass one such"
    ):
        as_of(given)


@pytest.mark.parametrize("given", ["1999-12-31", "2041-01-01", "9999-12-31"])
def test_a_day_that_dim_dates_lacks_is_an_error(given: str) -> None:
    with pytest.raises(ValueError, match=r"from 2000-01-01 on and before 2041-01-01"):
        as_of(given)
