"""Write keys of producers, stored as SHA-256 in a JSON file: {"producer": "hex digest"}."""

import hashlib
import hmac
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

from hirehouse.contracts.errors import ExpectedError
from hirehouse.contracts.files import locked
from hirehouse.events.exact_json import JsonError, read_exact

DIGEST = re.compile("[0-9a-fA-F]{64}")


class KeysError(ExpectedError):
    """A file of keys can't be used, or a change of it is not possible."""


class Keys:
    """The keys of a file, which is read again when it changes; KeysError if it can't be read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.hashes = read_keys(path)
        self.stamp: tuple[int, ...] | None = None

    def producer(self, key: str) -> str | None:
        """The producer that a key belongs to; None for an unknown key."""
        self._read_again()
        digest, found = _digest(key), None
        for name, known in self.hashes.items():  # no early exit: timing must not reveal the key
            if hmac.compare_digest(digest, known):
                found = name
        return found

    def _read_again(self) -> None:
        try:
            found = self.path.stat()
            stamp: tuple[int, ...] = (found.st_mtime_ns, found.st_size, found.st_ino)
        except OSError:
            stamp = ()
        if stamp == self.stamp:
            return
        self.stamp = stamp  # so that an error is logged once
        try:
            self.hashes = read_keys(self.path)
        except KeysError as error:
            # Rejecting all keys would lose events: clients drop what is answered with 401.
            print(f"error: {error}; the previous keys stay in force", file=sys.stderr, flush=True)


def read_keys(path: Path) -> dict[str, str]:
    """The digests by producer; KeysError if the file can't be read, or is not one of keys."""
    try:
        found = read_exact(path.read_bytes())
    except (OSError, JsonError) as error:
        raise KeysError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    if not isinstance(found, dict):
        raise KeysError(f'{path}: must be {{"producer": "SHA-256 of its key", ...}}')
    for producer, digest in found.items():
        if not (isinstance(digest, str) and DIGEST.fullmatch(digest)):
            raise KeysError(
                f"{path}: the digest of {producer!a} is not 64 hexadecimal digits: remove it"
                " from the file, then add a key with `hirehouse collect-keys add`"
            )
    return {producer: digest.lower() for producer, digest in found.items()}


def add_key(path: Path, producer: str) -> str:
    """Create and return a key, which is not stored itself; KeysError if the producer has one."""
    with _changing(path) as hashes:
        if producer in hashes:
            raise KeysError(f"{path}: {producer} has a key: revoke it first, or use another name")
        key = secrets.token_urlsafe(24)
        hashes[producer] = _digest(key)
    return key


def revoke_key(path: Path, producer: str) -> None:
    """Remove the key of a producer; KeysError if it has none."""
    with _changing(path) as hashes:
        if not hashes.pop(producer, None):
            raise KeysError(f"{path}: {producer} has no key")


@contextmanager
def _changing(path: Path) -> Iterator[dict[str, str]]:
    """The digests by producer, which are written back; other processes wait meanwhile."""
    target = Path(os.path.realpath(path))  # a link stays one
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with locked(target.parent):
            hashes = read_keys(path) if target.exists() else {}
            yield hashes
            _write(target, hashes)
    except OSError as error:
        raise KeysError(f"{path}: {error.strerror}") from error


def _write(path: Path, hashes: dict[str, str]) -> None:
    """Replace a file by one of the same owner and mode; a new one is for its owner alone."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        if path.exists():
            old, own = path.stat(), os.fstat(file.fileno())
            if (old.st_uid, old.st_gid) != (own.st_uid, own.st_gid):
                # Else a collector that runs as another user could not read it any more.
                os.fchown(file.fileno(), old.st_uid, old.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(old.st_mode))
        file.write(orjson.dumps(hashes, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()
