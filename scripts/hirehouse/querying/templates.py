"""SQL with `ref` and macros, rendered without dbt, which would take seconds to start."""

import re
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2
import jinja2.meta

from hirehouse.contracts.errors import ExpectedError
from hirehouse.querying.relations import Relations

LANDED = "landed"  # the schema of all sources
MACRO = re.compile(r"{%-?\s*macro\s+(\w+)")
# Whose body of a macro an engine takes: the first there is, as dbt's adapters inherit.
BODIES = {
    "duckdb": ("duckdb", "default"),
    "postgres": ("postgres", "default"),
    "redshift": ("redshift", "postgres", "default"),
}


class TemplateError(ExpectedError):
    """Jinja in a query that can't be rendered."""


class Templates:
    """Renders queries as in `analyses/`.

    Args:
        relations: of the project, whose macros queries can use.
        engine: whose bodies of macros to take.
    """

    def __init__(self, relations: Relations, engine: str) -> None:
        self.relations, self.engine = relations, engine
        self.environment = jinja2.Environment(
            undefined=jinja2.StrictUndefined, autoescape=False, extensions=["jinja2.ext.do"]
        )
        self.environment.globals |= {
            "ref": self._ref,
            "source": lambda _, table: f"{LANDED}.{table}",
            "dbt": _Macros(self._load),
            "adapter": SimpleNamespace(dispatch=self._dispatch),
            "return": lambda value: value,
        }

    def render(self, sql: str) -> str:
        """Replace `{{ ref('model') }}` and the like by their SQL.

        Raises:
            TemplateError, UnknownModel: it can't be rendered.
        """
        if not re.search("{[{%#]", sql):
            return sql
        try:
            self._define(sql)
            return self.environment.from_string(sql).render()
        except jinja2.TemplateSyntaxError as error:
            raise TemplateError(f"line {error.lineno}: {error.message}") from None
        except (jinja2.TemplateError, TypeError) as error:
            raise TemplateError(str(error)) from None

    @cached_property
    def _files(self) -> dict[str, Path]:
        """The file of each macro: the project's, and those of dbt about SQL functions."""
        spec = find_spec("dbt")
        folders = [
            Path(place) / "include" for place in (spec and spec.submodule_search_locations) or ()
        ]
        files = [path for folder in folders for path in folder.glob("*/macros/utils/*.sql")]
        files += (self.relations.root / "macros").rglob("*.sql")
        return {name: f for f in files for name in MACRO.findall(f.read_text(encoding="utf-8"))}

    def _define(self, text: str) -> None:
        """Make the macros that a text calls known."""
        for name in jinja2.meta.find_undeclared_variables(self.environment.parse(text)):
            if name not in self.environment.globals:
                self.environment.globals[name] = self._load(name)

    def _load(self, name: str) -> Any:
        if name not in self._files:
            raise TemplateError(
                f"{name!r} can't be rendered here: `dbt show` can, if it is of dbt's"
            )
        text = self._files[name].read_text(encoding="utf-8")
        self._define(text)
        return getattr(self.environment.from_string(text).module, name)

    def _dispatch(self, name: str, _: str = "") -> Any:
        bodies = (f"{engine}__{name}" for engine in BODIES[self.engine])
        return self._load(next((body for body in bodies if body in self._files), name))

    def _ref(self, *names: str, v: int | None = None, version: int | None = None) -> str:
        return self.relations.find(names[-1], v or version)


class _Macros:
    def __init__(self, load: Any) -> None:
        self.load = load

    def __getattr__(self, name: str) -> Any:
        return self.load(name)
