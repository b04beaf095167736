"""What dbt is spared in a warm process changes nothing of what it tells and finds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from dbt.adapters.base import impl
from dbt.adapters.cache import RelationsCache
from dbt.adapters.duckdb.relation import DuckDBRelation
from dbt.events.types import InvalidConcurrentBatchesConfig, NoSampleProfileFound
from dbt_common.clients import agate_helper, jinja
from dbt_common.events import base_types, event_manager
from dbt_common.events.base_types import EventLevel
from dbt_common.events.logger import LoggerConfig
from dbt_common.exceptions import EventCompilationError

from hirehouse.spare import spare_dbt

spare_dbt()


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the messages that are made from now on."""
    names: list[str] = []
    make = event_manager.msg_from_base_event

    def watched(event: Any, level: Any = None) -> Any:  # noqa: ANN401 - dbt's own
        names.append(type(event).__name__)
        return make(event, level=level)

    monkeypatch.setattr(event_manager, "msg_from_base_event", watched)
    return names


def warning() -> InvalidConcurrentBatchesConfig:
    return InvalidConcurrentBatchesConfig(num_models=2, adapter_type="duckdb")


def test_messages_are_made_where_someone_listens(made: list[str]) -> None:
    manager = event_manager.EventManager()
    event = NoSampleProfileFound(adapter="duckdb")
    assert "pb_msg" not in event.__dict__
    manager.fire_event(event, node=None, force_warn_or_error_handling=False)
    assert made == []

    heard: list[str] = []
    manager.add_logger(LoggerConfig("test", filter=lambda msg: heard.append(msg.info.name) or True))
    manager.fire_event(NoSampleProfileFound(adapter="duckdb"))
    assert (made, heard) == (["NoSampleProfileFound"], ["NoSampleProfileFound"])


def test_warnings_are_heard_by_callbacks_and_can_be_errors(made: list[str]) -> None:
    manager = event_manager.EventManager()
    heard: list[Any] = []
    manager.add_callback(heard.append)
    manager.fire_event(warning())
    assert made == ["InvalidConcurrentBatchesConfig"]
    assert heard.pop().data.num_models == 2
    manager.fire_event(NoSampleProfileFound(adapter="duckdb"), level=EventLevel.ERROR)
    assert heard.pop().info.name == "NoSampleProfileFound"

    manager.warn_error = True
    with pytest.raises(EventCompilationError, match="batches"):
        manager.fire_event(warning(), force_warn_or_error_handling=True)


def test_an_event_that_is_looked_at_is_whole() -> None:
    event = warning()
    assert event.num_models == 2
    event.num_models = 3
    assert base_types.msg_from_base_event(event).data.num_models == 3
    assert event.to_dict()["adapter_type"] == "duckdb"


def test_relations_are_found_by_their_names() -> None:
    cache = RelationsCache()
    cache.add_schema("d", "s")
    there = DuckDBRelation.create("d", "s", "orders")
    upper = DuckDBRelation.create("d", "s", "Odd")
    cache.add(there)
    cache.add(upper)
    asked: list[str] = []

    def match(*arguments: Any) -> list[Any]:  # noqa: ANN401 - dbt's own
        asked.append(arguments[-1])
        return []

    def relations(*_: str) -> list[Any]:
        return []

    adapter = SimpleNamespace(cache=cache, list_relations=relations, _make_match=match)
    find = impl.BaseAdapter.get_relation
    assert find(adapter, "d", "s", "orders") is there
    assert find(adapter, "D", "S", "orders") is there
    assert find(adapter, "d", "s", "order") is None
    assert find(adapter, "d", "s", "Odd") is upper
    assert asked == []
    # dbt itself says what is wrong with another case, and asks the database for other schemas.
    for schema, name in (("s", "Orders"), ("s", "odd"), ("t", "orders")):
        assert find(adapter, "d", schema, name) is None
        assert asked.pop() == name


def test_templates_are_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "{{ a }} and {{ b | upper if b is defined }}"
    first = jinja.get_template(text, {"a": 1, "b": "x"})
    monkeypatch.setattr("jinja2.Environment._generate", None)  # a second time would fail
    second = jinja.get_template(text, {"a": 2})
    assert (first.render({}), second.render({})) == ("1 and X", "2 and ")


def test_texts_become_the_same_types() -> None:
    rows = [{"a": "1", "b": "2026-01-02", "c": "x"}, {"a": None, "b": None, "c": "null"}]
    for _ in range(2):
        table = agate_helper.table_from_data(rows, ["a", "b", "c"])
        assert [str(row["b"]) for row in table.rows] == ["2026-01-02", "None"]
        assert [row["c"] for row in table.rows] == ["x", None]
    assert len(agate_helper.empty_table().rows) == 0
