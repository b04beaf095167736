"""Checks the boards against a parsed project, without a warehouse: `python -m docs_site.check`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import orjson

from docs_site.project import Project
from hirehouse.contracts.errors import ExpectedError
from hirehouse.contracts.model import load


def main() -> int:
    """Print what a board shows that is not there; 1 if there is anything."""
    folder = Path(os.environ.get("DBT_TARGET_PATH", "target"))
    try:
        Project(orjson.loads((folder / "manifest.json").read_bytes()), load())
    except ExpectedError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
