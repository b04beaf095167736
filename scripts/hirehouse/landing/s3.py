"""Objects on S3 as inputs: listed, copied to temporary files ahead of their reader, and removed."""

import errno
import os
import re
import shutil
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa
from pyarrow import fs

from hirehouse.contracts.errors import ExpectedError
from hirehouse.landing.decompress import InputError
from hirehouse.landing.inputs import S3, InputFile, LeftOut, key_refusal

READ = 4 << 20  # bytes of a request
AHEAD = 8  # objects that are copied at a time
AHEAD_BYTES = 256 << 20  # bytes of temporary files, unless one object alone is larger
# Names of the collector's objects: the time, and the SHA-256 of what they hold.
SEGMENT = re.compile(r"\d+-([0-9a-f]{64})\.ndjson")
# What to do where S3 denies a request: not all rights have the name of theirs.
RIGHTS = {
    "ListObjectsV2": "allow s3:ListBucket there",
    "HeadBucket": "allow s3:ListBucket there",
    "HeadObject": "allow s3:GetObject there",
    # The right to read it was there a moment before.
    "GetObject": "allow kms:Decrypt with its key, or restore it from its archive class",
}


class S3Error(ExpectedError):
    """S3 could not be used; a later try may go well."""


@contextmanager
def s3_errors(url: str) -> Iterator[None]:
    """Raise errors that name the URL.

    Raises:
        FileNotFoundError: there is no such object.
        InputError: there is no such bucket, or S3 does not give or take the object.
        S3Error: S3 can't be reached, or is busy.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        said = (str(error).partition("AWS Error ")[2] or str(error)).partition("\n")[0].strip(" :")
        if denied := re.match(r"ACCESS_DENIED during (\w+)", said):
            cure = RIGHTS.get(denied[1], f"allow s3:{denied[1]} there")
            raise InputError(f"{url}: access denied: {cure}") from None
        if re.search("NO_SUCH_KEY|RESOURCE_NOT_FOUND", said):  # removed since it was opened
            raise FileNotFoundError(errno.ENOENT, "no such object", url) from None
        if "NO_SUCH_BUCKET" in said or re.search(r"Bucket .*not found", said):
            raise InputError(f"{url}: no such bucket") from None
        lasting = isinstance(error, pa.ArrowInvalid)  # such as two slashes in a key
        raise (InputError if lasting else S3Error)(f"{url}: {said}") from None


def open_s3(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it, without a slash at its end.

    AWS's SDK finds the credentials. The region is that of the environment, else the bucket's.
    A request is tried three times, which takes up to 30 seconds if S3 is silent.

    Raises:
        InputError, S3Error: the URL is malformed, or its bucket can't be used.
    """
    bucket, _, key = url.removeprefix(S3).partition("/")
    if not url.startswith(S3) or not bucket or "//" in f"/{key}":
        raise InputError(f"{url}: a folder is written as {S3}BUCKET/FOLDER/")
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    given = endpoint or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    with s3_errors(url):
        files = fs.S3FileSystem(
            region=None if given else fs.resolve_s3_region(bucket),
            endpoint_override=endpoint,
            allow_delayed_open=True,  # one request writes an object
            background_writes=False,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=3),
        )
        if files.get_file_info(bucket).type == fs.FileType.NotFound:
            raise InputError(f"{url}: no such bucket")
    return files, f"{bucket}/{key}".rstrip("/")


@dataclass(frozen=True)
class S3Object(InputFile):
    """An object, whose name is its URL; the names of the collector's state a checksum."""

    files: Any = None
    size: int = 0
    modified: int = 0

    def stored_size(self) -> int:
        return self.size

    def copy(self) -> BinaryIO:
        """A temporary file with its bytes, packed or not; see `s3_errors`."""
        path = self.name[len(S3) :]
        with s3_errors(self.name), self.files.open_input_stream(path, compression=None) as source:
            file = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 - its reader closes it
            try:
                shutil.copyfileobj(source, file, READ)
            except BaseException:
                file.close()
                raise
        file.seek(0)
        return file

    def remove(self) -> None:
        """Delete it; see `s3_errors`."""
        try:
            with s3_errors(self.name):
                self.files.delete_file(self.name[len(S3) :])
        except InputError as error:
            # Once it is deleted, Arrow puts an empty object in the place of its folder.
            if "s3:PutObject" not in str(error):
                raise


class S3Folder:
    """A folder on S3, or an object; see `open_s3` for errors."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.files, self.path = open_s3(url)

    def objects(self, left_out: LeftOut) -> list[S3Object]:
        """The objects of events in the folder, sorted, or the object itself.

        Args:
            left_out: gets objects of other names.
        """
        with s3_errors(self.url):
            # A request for 1,000 objects.
            infos = self.files.get_file_info(
                fs.FileSelector(self.path, recursive=True, allow_not_found=True)
            )
            if not infos and "/" in self.path and not self.url.endswith("/"):
                info = self.files.get_file_info(self.path)
                return [self._object(info, listed=False)] if info.is_file else []
        found = []
        for info in infos:
            if info.is_file:
                if why := key_refusal(info.path[len(self.path) + 1 :]):
                    left_out.add(f"{S3}{info.path}", why)
                else:
                    found.append(self._object(info))
        return sorted(found, key=lambda one: one.name)

    def _object(self, info: Any, *, listed: bool = True) -> S3Object:
        named = SEGMENT.fullmatch(info.base_name)
        return S3Object(
            name=f"{S3}{info.path}",
            path=Path(info.path),
            listed=listed,
            files=self.files,
            size=info.size,
            modified=info.mtime_ns or 0,
            checksum=named[1] if named else "",
        )


class Copies:
    """Copies objects to temporary files while others are read: a request takes a while.

    Args:
        places: in the order in which they will be opened; files are left to their reader.
    """

    def __init__(self, places: Iterable[InputFile]) -> None:
        self.waiting = deque(place for place in places if isinstance(place, S3Object))
        self.begun: dict[str, tuple[int, Future[BinaryIO]]] = {}  # with its size, by name
        self.pool = ThreadPoolExecutor(AHEAD, "copy")

    def open(self, name: str) -> BinaryIO:
        """The copy of an object, for the caller to close; for errors, see `s3_errors`."""
        while self.waiting and (name not in self.begun or self._room()):
            ahead = self.waiting.popleft()
            self.begun[ahead.name] = ahead.size, self.pool.submit(ahead.copy)
        return self.begun.pop(name)[1].result()

    def _room(self) -> bool:
        size = self.waiting[0].size + sum(size for size, _ in self.begun.values())
        return len(self.begun) < AHEAD and size <= AHEAD_BYTES

    def close(self) -> None:
        """Drop what has not been opened."""
        self.pool.shutdown(cancel_futures=True)
        for _, copy in self.begun.values():
            with suppress(Exception):
                copy.result().close()
