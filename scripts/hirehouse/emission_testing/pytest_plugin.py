"""The pytest fixture `emitted`: the events of an application, checked against the contracts.

pytest loads this module in every run of an environment that hirehouse is in, so whatever else it
needs is imported by the fixture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hirehouse.emission_testing.emitted import Emitted

SCHEMAS = "hirehouse_schemas"


def pytest_addoption(parser: pytest.Parser) -> None:
    about = "folder of `hirehouse contracts export`; by default the contracts of the project itself"
    parser.addini(SCHEMAS, about, default="")


@pytest.fixture
def emitted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Emitted:
    """The events that the test emits: SDKs complete their messages, but send nothing."""
    from hirehouse.emission_testing.emitted import capture

    folder = request.config.getini(SCHEMAS)
    return capture(request.config.rootpath / folder if folder else None, monkeypatch)
