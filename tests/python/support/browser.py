"""The browser that tests open pages in."""

from __future__ import annotations

import shutil

import pytest


def chromium() -> str:
    """The path of a Chromium that is installed; without one, the test is skipped."""
    for name in ("chromium", "google-chrome", "chromium-browser"):
        if path := shutil.which(name):
            return path
    pytest.skip("there is no Chromium: install it, such as by `apt-get install chromium`")
