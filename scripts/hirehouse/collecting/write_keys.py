"""Write keys of producers, kept as SHA-256 in a JSON file: {"producer": "hex digest"}."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sys
from pathlib import Path

import orjson

from hirehouse.events.exact_json import write_json


class KeysError(Exception):
    """A file of keys that can't be used, or what can't be done with it."""


class Keys:
    """The keys of a file, read again when it changes; KeysError if it can't be read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.hashes = read_keys(path)
        self.stamp: tuple[int, ...] = ()

    def producer(self, key: str) -> str | None:
        """Whose key it is; None if it is nobody's."""
        try:
            stat = self.path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if stamp != self.stamp:
                self.stamp, self.hashes = stamp, read_keys(self.path)
        except (KeysError, OSError) as error:
            # To refuse all would lose events for a slip of an editor: clients drop what gets a 401.
            print(f"error: {error}; the keys read before stay", file=sys.stderr, flush=True)
        digest, found = _digest(key), None
        for name, known in self.hashes.items():  # all of them: time must not tell which one it was
            if hmac.compare_digest(digest, known):
                found = name
        return found


def read_keys(path: Path) -> dict[str, str]:
    """The digests by producer; KeysError if the file can't be read, or is no such file."""
    try:
        found = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise KeysError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise KeysError(f'{path}: must be {{"producer": "SHA-256 of its key", ...}}')
    return found


def add_key(path: Path, producer: str) -> str:
    """Make a key for a producer and return it, which is kept nowhere; KeysError if it has one."""
    hashes = read_keys(path) if path.exists() else {}
    if producer in hashes:
        raise KeysError(f"{path}: {producer} has a key; revoke it, or add one under another name")
    key = secrets.token_urlsafe(24)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, hashes | {producer: _digest(key)})
    return key


def revoke_key(path: Path, producer: str) -> None:
    """Take a producer's key away; KeysError if it has none."""
    hashes = read_keys(path)
    if not hashes.pop(producer, None):
        raise KeysError(f"{path}: no key of {producer}")
    write_json(path, hashes)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()
