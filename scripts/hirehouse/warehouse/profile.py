"""The dbt profile: one place to configure a warehouse.

dbt itself is not imported, since that alone takes 3 s.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import yaml

from hirehouse.contracts.errors import ExpectedError
from hirehouse.contracts.model import ROOT

PROFILE = "hirehouse"
CASTS: dict[str, Callable[[str], Any]] = {
    "as_number": lambda text: float(text) if "." in text else int(text),
    "as_bool": lambda text: text.strip().lower() in ("true", "1", "yes", "on"),
    "as_native": yaml.safe_load,
    "as_text": str,
}


class WarehouseError(ExpectedError):
    """The warehouse can't be reached or is not fit for use; the message says what to do."""


def read_profile(target: str | None = None, root: Path = ROOT) -> dict[str, Any]:
    """One output of `profiles.yml`, with its `env_var` calls rendered as dbt does.

    Args:
        target: name of the output; else HIREHOUSE_TARGET, else the file's own `target`.
        root: the project's folder; DBT_PROFILES_DIR comes before it.

    Raises:
        WarehouseError: no such file, profile, output or environment variable.
    """
    path = Path(os.environ.get("DBT_PROFILES_DIR") or root) / "profiles.yml"
    if not path.is_file():
        raise WarehouseError(f"{path} is missing: copy profiles.yml.example to it")
    try:
        profile = (yaml.safe_load(path.read_text(encoding="utf-8")) or {})[PROFILE]
        outputs = profile["outputs"]
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise WarehouseError(
            f"{path} has no readable profile {PROFILE!r}: copy it from profiles.yml.example"
        ) from error
    name = target or os.environ.get("HIREHOUSE_TARGET") or _render(profile.get("target", "default"))
    if name not in outputs:
        raise WarehouseError(f"{path} has no target {name!r}, only {', '.join(outputs)}")
    return {key: _render(value) for key, value in outputs[name].items()}


def _render(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _render(item) for key, item in value.items()}
    if not isinstance(value, str) or "{" not in value:
        return value
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    environment.filters.update(dict.fromkeys(CASTS, str))
    environment.globals["env_var"] = _env_var
    try:
        text = environment.from_string(value).render()
    except jinja2.TemplateError as error:
        raise WarehouseError(f"profiles.yml: {value!r} can't be rendered: {error}") from error
    cast = re.search(r"\|\s*(as_\w+)\s*}}\s*$", value)
    try:
        return CASTS[cast[1]](text) if cast and cast[1] in CASTS else text
    except (ValueError, yaml.YAMLError):
        names = re.findall(r"env_var\(\s*['\"](\w+)", value)
        what = f"{' and '.join(names) or value} is {repr(text) if text else 'empty'}"
        advice = "give it a number" + " or unset it" * bool(names)
        raise WarehouseError(f"profiles.yml: {what}, but must be a number: {advice}") from None


def _env_var(name: str, default: str | None = None) -> str:
    value = os.environ.get(name, default)
    if value is None:
        raise WarehouseError(f"profiles.yml needs the environment variable {name}: set it")
    return value


def duckdb_path(settings: dict[str, Any], root: Path) -> Path:
    """The file that an output of the profile names; a relative path starts from the project."""
    return Path(root / settings["path"]).resolve()
