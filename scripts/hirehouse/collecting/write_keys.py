"""Write keys of producers, stored as SHA-256 in a JSON file: {"producer": "hex digest"}."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sys
from pathlib import Path

import orjson

from hirehouse.contracts.errors import ExpectedError
from hirehouse.events.exact_json import write_json


class KeysError(ExpectedError):
    """A file of keys can't be used, or a change of it is not possible."""


class Keys:
    """The keys of a file, which is read again when it changes; KeysError if it can't be read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.hashes = read_keys(path)
        self.stamp: tuple[int, ...] = ()

    def producer(self, key: str) -> str | None:
        """The producer that a key belongs to; None for an unknown key."""
        try:
            stat = self.path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if stamp != self.stamp:
                self.stamp, self.hashes = stamp, read_keys(self.path)
        except (KeysError, OSError) as error:
            # Rejecting all keys would lose events: clients drop what is answered with 401.
            print(f"error: {error}; the previous keys stay in force", file=sys.stderr, flush=True)
        digest, found = _digest(key), None
        for name, known in self.hashes.items():  # no early exit: timing must not reveal the key
            if hmac.compare_digest(digest, known):
                found = name
        return found


def read_keys(path: Path) -> dict[str, str]:
    """The digests by producer; KeysError if the file can't be read, or is not one of keys."""
    try:
        found = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise KeysError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise KeysError(f'{path}: must be {{"producer": "SHA-256 of its key", ...}}')
    return found


def add_key(path: Path, producer: str) -> str:
    """Create and return a key, which is not stored itself; KeysError if the producer has one."""
    hashes = read_keys(path) if path.exists() else {}
    if producer in hashes:
        raise KeysError(f"{path}: {producer} has a key: revoke it first, or use another name")
    key = secrets.token_urlsafe(24)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, hashes | {producer: _digest(key)})
    return key


def revoke_key(path: Path, producer: str) -> None:
    """Remove the key of a producer; KeysError if it has none."""
    hashes = read_keys(path)
    if not hashes.pop(producer, None):
        raise KeysError(f"{path}: {producer} has no key")
    write_json(path, hashes)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()
