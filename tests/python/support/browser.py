"""The browser that tests open pages in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync"
    " --disable-background-networking --disable-component-update"
)


def chromium() -> str:
    """The path of a Chromium that is installed; without one, the test is skipped."""
    for name in ("chromium", "google-chrome", "chromium-browser"):
        if path := shutil.which(name):
            return path
    pytest.skip("there is no Chromium: install it, such as by `apt-get install chromium`")


@contextmanager
def browsing() -> Iterator[BrowserContext]:
    """A browser without a window."""
    program = chromium()
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - takes 1 s

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=QUIET.split())
        try:
            yield browser.new_context()
        finally:
            browser.close()
