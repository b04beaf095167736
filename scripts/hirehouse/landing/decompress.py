"""Reading files plain, or packed with gzip or zstd, which their first bytes tell."""

import gzip
import io
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

from hirehouse.contracts.errors import ExpectedError

BLOCK = 1 << 20  # bytes of a chunk, whatever it was packed from
# Three bytes: random data starts with the two of gzip's magic number now and then.
GZIP, ZSTD, SKIPPABLE = b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x2a\x4d\x18"


class InputError(ExpectedError):
    """An input can't be read; the message names it and the position."""

    exit_code = 2


class _Start(io.RawIOBase):
    """The first bytes of a file: those that are appended later are ignored."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file, self.left = file, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # io passes no other
        data = self.file.read(min(len(buffer), self.left))
        buffer[: len(data)] = data
        self.left -= len(data)
        return len(data)


def packing(file: BinaryIO) -> str:
    """`gzip`, `zstd` or, for a plain file, nothing; the file is at its start then."""
    head = file.read(4)
    file.seek(0)
    if head.startswith(GZIP):
        return "gzip"
    # What packs in parallel starts with a frame that decoders skip.
    return "zstd" if head == ZSTD or (head[1:] == SKIPPABLE and head[0] >> 4 == 5) else ""


def chunks(file: BinaryIO, size: int, name: str) -> Iterator[bytes]:
    """The unpacked content of a file, in chunks of up to BLOCK bytes.

    Args:
        file: at its start; packed files may have several members or frames.
        size: stored bytes to read; bytes that are appended later are ignored.
        name: for messages.

    Raises:
        InputError: the file is packed, and truncated or corrupt.
    """
    kind = packing(file)
    stream: Any = (start := _Start(file, size))
    if kind == "gzip":
        stream = gzip.GzipFile(fileobj=start)
    elif kind == "zstd":
        import pyarrow as pa  # noqa: PLC0415 - the collector does without it

        stream = pa.input_stream(start, compression="zstd")
    try:
        while chunk := stream.read(BLOCK):
            yield chunk
    except (EOFError, OSError, zlib.error) as error:
        if isinstance(error, OSError) and error.errno:
            raise  # the file can't be read
        where = f"near byte {size - start.left:,} of {size:,}"
        raise InputError(f"{name}: corrupt or truncated {kind} {where}: {error}") from error
