"""The relations of models and seeds, from the project's files: dbt would take seconds to start."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any

from hirehouse.contracts.errors import ExpectedError
from hirehouse.contracts.model import describe, read_yaml

PRODUCTION = "analytics"  # the target schema that is no prefix, as in generate_schema_name.sql
RESTRICTED = "restricted"


class UnknownModel(ExpectedError):
    """A name that is no model or seed of the project."""


@dataclass(frozen=True)
class Mart:
    """A mart, or one version of it.

    `columns` has the type and the description of each one; `required` those that tests forbid to be
    null.
    """

    relation: str
    description: str
    columns: Mapping[str, tuple[str, str]]
    public: bool
    required: frozenset[str] = frozenset()
    meta: Mapping[str, Any] = field(default_factory=dict)


class Relations:
    """Finds relations by the names of their models.

    Args:
        root: the project's folder.
        schema: the target schema, from the profile.
    """

    def __init__(self, root: Path, schema: str) -> None:
        self.root, self.schema = root, schema
        self.project = read_yaml(root / "dbt_project.yml")

    @cached_property
    def files(self) -> dict[str, Path]:
        """The SQL or CSV file of each model, version of a model, and seed."""
        found = [*(self.root / "models").rglob("*.sql"), *(self.root / "seeds").rglob("*.csv")]
        return {path.stem: path for path in sorted(found)}

    @cached_property
    def versioned(self) -> dict[str, Path]:
        """The YAML files of models with versions, whose SQL files end in _v1, _v2, ..."""
        stems = (stem.rpartition("_v") for stem in self.files)
        names = {name: self.files[f"{name}_v{v}"] for name, _, v in stems if v.isdigit()}
        return {n: p.with_name(f"{n}.yml") for n, p in names.items()}

    def find(self, name: str, version: int | None = None) -> str:
        """The relation of a model or seed, such as `marketplace.hiring_funnel_weekly`.

        Args:
            name: of the model, as in `ref`.
            version: of the model, if it has versions; default the latest one.

        Raises:
            UnknownModel: there is none; the message names one that is spelled alike.
        """
        if name in self.versioned:
            model = _model(self.versioned[name])
            version = version or model["latest_version"]
            for one in model["versions"]:
                if one["v"] == version:
                    return self._relation(self.versioned[name], _alias(name, one))
            known = ", ".join(str(one["v"]) for one in model["versions"])
            raise UnknownModel(f"model {name!r} has no version {version}, only {known}")
        if name in self.files and version is None:
            return self._relation(self.files[name], name)
        if name in self.files:
            raise UnknownModel(f"model {name!r} has no versions")
        like = get_close_matches(name, [*self.files, *self.versioned], 1)
        hint = f"; did you mean {like[0]!r}?" if like else ""
        raise UnknownModel(f"there is no model or seed {name!r}{hint}")

    def marts(self) -> list[Mart]:
        """All marts with their versions, in the order of their names."""
        folder = self.root / "models" / "marts"
        found = [
            mart
            for path in folder.rglob("*.yml")
            for model in (read_yaml(path) or {}).get("models") or ()
            for mart in self._marts(model, path)
        ]
        return sorted(found, key=lambda mart: mart.relation)

    def _marts(self, model: dict[str, Any], path: Path) -> Iterator[Mart]:
        name = model["name"]
        own = {column["name"]: column for column in model.get("columns") or ()}
        for one in model.get("versions") or [{}]:
            listed = one.get("columns") or [{"include": "all"}]
            columns = {n: c for n, c in own.items() if n not in _excluded(listed)}
            columns |= {c["name"]: c for c in listed if "name" in c}
            relation = self._relation(path, _alias(name, one))
            access = (model.get("config") or {}).get("access") or model.get("access")
            yield Mart(
                relation,
                self._text(one.get("description") or model.get("description")),
                {
                    name: (column.get("data_type", ""), self._text(column.get("description")))
                    for name, column in columns.items()
                },
                public=(access or self._config(path, "access")) == "public"
                and not relation.partition(".")[0].endswith(RESTRICTED)
                and not any(map(_is_personal, columns.values())),
                required=_required(model),
                meta=(model.get("config") or {}).get("meta") or {},
            )

    def _relation(self, path: Path, alias: str) -> str:
        custom = self._config(path, "schema")
        if custom and self.schema != PRODUCTION:
            custom = f"{self.schema}_{custom}"
        return f"{custom or self.schema}.{alias}"

    def _config(self, path: Path, name: str) -> str:
        """A setting of dbt_project.yml, from the innermost folder of a file that has it."""
        kind, *folders = path.relative_to(self.root).parent.parts
        settings: Any = self.project.get(kind, {}).get(self.project["name"], {})
        found = settings.get(f"+{name}", "")
        for folder in folders:
            settings = settings.get(folder) or {}
            found = settings.get(f"+{name}", found)
        return str(found)

    def _text(self, text: str | None) -> str:
        return describe(text or "", self.root)


def _model(path: Path) -> dict[str, Any]:
    return dict(next(m for m in read_yaml(path)["models"] if m["name"] == path.stem))


def _alias(name: str, version: dict[str, Any]) -> str:
    default = f"{name}_v{version['v']}" if version else name
    return str((version.get("config") or {}).get("alias") or default)


def _excluded(listed: list[dict[str, Any]]) -> list[str]:
    return [name for one in listed for name in one.get("exclude") or ()]


def _required(model: dict[str, Any]) -> frozenset[str]:
    tests = [test for test in model.get("data_tests") or () if isinstance(test, dict)]
    lists = [test["no_nulls"]["arguments"]["columns"] for test in tests if "no_nulls" in test]
    return frozenset(name for names in lists for name in names)


def _is_personal(column: dict[str, Any]) -> bool:
    meta = (column.get("config") or {}).get("meta") or {}
    return bool(meta.get("pii") or meta.get("restricted"))
