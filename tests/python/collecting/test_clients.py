"""Calls of third-party SDKs land in the right tables."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import shutil
import subprocess
import threading
import urllib.parse
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest
import rudderstack.analytics
import segment.analytics

from hirehouse.collecting.write_keys import add_key
from hirehouse.contracts.model import ROOT
from hirehouse.landing.land import land
from hirehouse.warehouse.connections import open_warehouse
from support.browser import chromium
from support.collectors import serving
from support.events import event

NODE = ROOT / "tests/node"
REFERRER = "https://search.example/"  # as in browse.cjs
USERS = [f"{sdk}-{language}" for sdk in ("segment", "rudder") for language in ("python", "node")]
PROPERTIES = event(1)["properties"]


@pytest.fixture(scope="session")
def packages() -> Path:
    """The npm packages of tests/node, installed once per list of packages."""
    text = (NODE / "package.json").read_bytes()
    folder = ROOT / "target" / f"node-{hashlib.sha256(text).hexdigest()[:12]}"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        shutil.copy(NODE / "package.json", folder)
        quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock"]
        subprocess.run(["npm", "install", *quiet], cwd=folder, check=True)
        (folder / "done").touch()
    for path in [*NODE.glob("*.cjs"), NODE / "page.html"]:
        shutil.copy(path, folder)
    script = folder / "node_modules/@segment/analytics-next/dist/umd/index.js"
    shutil.copy(script, folder / "analytics.js")
    return folder


@pytest.fixture
def pages(packages: Path) -> Iterator[str]:
    """A site that uses the SDK in a browser, from another origin than that of the collector."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=packages)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/page.html"
        server.shutdown()


def node(packages: Path, *arguments: str) -> None:
    done = subprocess.run(
        ["node", *arguments], cwd=packages, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def python(sdk: str, url: str, key: str) -> None:
    """Send the calls of an SDK for Python."""
    module = {"segment": segment.analytics, "rudder": rudderstack.analytics}[sdk]
    user = f"{sdk}-python"
    client = module.Client(key, host=url, gzip=True, max_retries=0)
    client.track(user, "interview_requested", PROPERTIES)
    client.track(user, "Interview Requested", PROPERTIES)
    client.identify(user, {"name": "Ana"}, anonymous_id=f"anonymous-{user}")
    client.alias(f"old-{user}", user)
    client.page(user, name="Home", properties={"url": "https://example.com/"})
    client.group(user, "g")
    client.screen(user, name="Start")
    client.shutdown()


def check_landed(folder: Path, users: Collection[str], times: int, page: str) -> None:
    """AssertionError if not each call of some users has landed as often as it was sent.

    Args:
        users: as in `user_id`; "browser" for the one whose SDK generates its anonymous ids.
        times: how often each user sent all calls.
        page: where a page view took place.
    """
    with open_warehouse() as warehouse:
        result = land([folder], warehouse)
        requested = warehouse.query(
            "select coalesce(user_id, 'browser'), count(*) from landed.interview_requested"
            " group by 1"
        )
        linked = warehouse.query(
            "select person_id, method, previous_id from landed.identity_linked"
        )
        viewed = warehouse.query(
            "select coalesce(user_id, 'browser'), page_name, title, context_page_referrer,"
            " split_part(context_page_url, '?', 1) from landed.page_viewed"
        )
        failed = warehouse.query(
            "select json_extract_string(reasons, '$[*].found'), count(*) from landed.failed_events"
            " group by all order by all"
        )
    count = len(users) * times
    assert (result.lines, result.unknown_properties) == (7 * count, 0)
    assert dict(requested) == dict.fromkeys(users, 2 * times)
    merged = {(user, "merge", f"old-{user}") for user in users}
    assert {link for link in linked if link[1] == "merge"} == merged
    signed_in = {link for link in linked if link[1] == "sign_in"}
    assert len(linked) == 2 * count
    assert len(signed_in) == count
    if "browser" not in users:
        assert signed_in == {(user, "sign_in", f"anonymous-{user}") for user in users}
    title, referrer = ("Jobs", REFERRER) if "browser" in users else (None, None)
    assert set(viewed) == {(user, "Home", title, referrer, page) for user in users}
    assert failed == [(['"group"'], count), (['"screen"'], count)]


@pytest.mark.usefixtures("duckdb_environment")
def test_calls_of_each_sdk_land(packages: Path, tmp_path: Path) -> None:
    keys, folder = tmp_path / "keys.json", tmp_path / "spool"
    key = add_key(keys, "clients")
    with serving(folder, keys) as port:
        url = f"http://127.0.0.1:{port}"
        for sdk in ("segment", "rudder"):
            python(sdk, url, key)
            node(packages, "send.cjs", sdk, url, key, json.dumps(PROPERTIES))
    check_landed(folder, USERS, 1, "https://example.com/")


@pytest.mark.usefixtures("duckdb_environment")
def test_calls_of_the_sdk_in_a_browser_land(packages: Path, pages: str, tmp_path: Path) -> None:
    program = chromium()
    keys, folder = tmp_path / "keys.json", tmp_path / "spool"
    key = add_key(keys, "clients")
    with serving(folder, keys) as port:
        for batching in ("", "yes"):
            given = {"host": f"127.0.0.1:{port}", "key": key, "batching": batching}
            given["properties"] = json.dumps(PROPERTIES)
            address = f"{pages}?{urllib.parse.urlencode(given)}"
            node(packages, "browse.cjs", program, address, str(tmp_path / f"profile{batching}"))
    check_landed(folder, ["browser"], 2, pages)
