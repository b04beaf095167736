"""What dbt does again for each model of each run, done once in a warm process.

Nothing that it builds or reports changes. Each is written against dbt's own code, of the versions
that requirements.txt pins.
"""

from __future__ import annotations

from functools import cache, cached_property
from typing import Any


def spare_dbt() -> None:
    """Change dbt in this process, and all that is to run in it; a second call does nothing."""
    from dbt_common.events.base_types import BaseEvent  # noqa: PLC0415 - as dbt itself, seconds

    if BaseEvent.__init__.__module__ == __name__:
        return
    _make_messages_where_they_are_heard(BaseEvent)
    _make_type_testers_once()
    _compile_templates_once()
    _find_relations_by_name()
    _describe_tables_at_once()
    _begin_at_once()


def _make_messages_where_they_are_heard(event: Any) -> None:  # noqa: ANN401 - dbt's own
    """It makes two of all that it does, forty times a model, also where nobody listens."""
    from dbt_common.events.event_manager import EventManager  # noqa: PLC0415 - as above

    make, fire = event.__init__, EventManager.fire_event

    def keep(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as above
        self.__dict__["made_of"] = args, kwargs

    def pb_msg(self: Any) -> Any:  # noqa: ANN401 - as above
        args, kwargs = self.__dict__["made_of"]
        make(self, *args, **kwargs)
        return self.__dict__["pb_msg"]

    def fire_event(
        self: Any,  # noqa: ANN401 - as above
        e: Any,  # noqa: ANN401 - as above
        level: Any = None,  # noqa: ANN401 - as above
        node: Any = None,  # noqa: ANN401 - as above
        force_warn_or_error_handling: bool = False,
    ) -> None:
        # Its callbacks hear of warnings alone.
        if self.loggers or (level or e.level_tag()).value in ("warn", "error"):
            fire(self, e, level, node, force_warn_or_error_handling)

    event.__init__ = keep
    event.pb_msg = cached_property(pb_msg)
    event.pb_msg.__set_name__(event, "pb_msg")
    EventManager.fire_event = fire_event  # type: ignore[method-assign]


def _make_type_testers_once() -> None:
    """For each result it makes the parsers of all types, always the same ones."""
    from dbt_common.clients import agate_helper  # noqa: PLC0415 - as above

    build = cache(agate_helper.build_type_tester)

    def build_type_tester(text_columns: Any, string_null_values: Any = ("null", "")) -> Any:  # noqa: ANN401
        return build(tuple(text_columns), tuple(string_null_values))

    agate_helper.build_type_tester = build_type_tester
    agate_helper.empty_table = cache(agate_helper.empty_table)


def _compile_templates_once() -> None:
    """It turns the text of a model and of its hooks into Python code each time."""
    from dbt_common.clients.jinja import MacroFuzzEnvironment  # noqa: PLC0415 - as above

    compile_text = MacroFuzzEnvironment.compile
    compiled: dict[tuple[type, str], Any] = {}

    def compile_once(self: Any, source: Any, *more: Any, **named: Any) -> Any:  # noqa: ANN401 - as above
        if more or named:
            return compile_text(self, source, *more, **named)
        key = (type(self), source)
        if key not in compiled:
            if len(compiled) == 1_000:
                compiled.clear()
            compiled[key] = compile_text(self, source)
        return compiled[key]

    MacroFuzzEnvironment.compile = compile_once  # type: ignore[method-assign]


def _find_relations_by_name() -> None:
    """It holds each relation of a schema against the name that it looks for, five times a model."""
    from dbt.adapters.base.impl import BaseAdapter  # noqa: PLC0415 - as above

    find = BaseAdapter.get_relation

    def get_relation(self: Any, database: str, schema: str, identifier: str) -> Any:  # noqa: ANN401
        if (database, schema) not in self.cache:
            return find(self, database, schema, identifier)
        found = self.cache.relations.get((database.lower(), schema.lower(), identifier.lower()))
        if found and found.inner.identifier != identifier:
            return find(self, database, schema, identifier)  # it has an error for that
        return found and found.inner

    BaseAdapter.get_relation = get_relation  # type: ignore[method-assign]


def _describe_tables_at_once() -> None:
    """It makes the context of a macro and a table of texts to ask DuckDB for a table's columns."""
    from dbt.adapters.duckdb.impl import DuckDBAdapter  # noqa: PLC0415 - as above

    def get_columns_in_relation(self: Any, relation: Any) -> list[Any]:  # noqa: ANN401
        cursor = self.connections.get_thread_connection().handle.cursor()
        found = cursor.execute(f"select column_name, column_type from (describe {relation})")
        return [self.Column(name, kind) for name, kind in found.fetchall()]

    DuckDBAdapter.get_columns_in_relation = get_columns_in_relation  # type: ignore[method-assign]


def _begin_at_once() -> None:
    """It searches Python's path for plugins and sums up its graph in a file that nobody reads."""
    from dbt.compilation import Linker  # noqa: PLC0415 - as above
    from dbt.plugins.manager import PluginManager  # noqa: PLC0415 - as above

    found = cache(PluginManager.get_prefixed_modules)
    PluginManager.get_prefixed_modules = found  # type: ignore[method-assign]
    Linker.get_graph_summary = lambda *_: {}  # type: ignore[method-assign]
