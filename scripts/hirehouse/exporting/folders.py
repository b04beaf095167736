"""The folder of an export, local or on S3: files get in whole or not at all."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from pyarrow import fs

from hirehouse.contracts.files import locked, sync
from hirehouse.landing.inputs import S3
from hirehouse.landing.s3 import READ, open_s3, s3_errors
from hirehouse.warehouse.connections import Say

PARTIAL = ".partial"  # files that are being written


class Folder:
    """A folder, made if it is not there.

    Args:
        url: a path, or s3://BUCKET/FOLDER; see `open_s3` for errors and credentials.
    """

    def __init__(self, url: str) -> None:
        self.on_s3 = url.startswith(S3)
        if self.on_s3:
            self.files, self.path = open_s3(url)
            self.url = f"{S3}{self.path}"
        else:
            self.files, self.path = fs.LocalFileSystem(), str(Path(url).absolute())
            self.url = f"file://{self.path}"
            Path(self.path).mkdir(parents=True, exist_ok=True)

    @contextmanager
    def writing(self, say: Say) -> Iterator[Path]:
        """A new, local folder for files to `add`, while no other process exports to a local folder.

        Args:
            say: told if another process has to be waited for.
        """
        waiting = f"waiting for another process that exports to {self.path}"
        with nullcontext() if self.on_s3 else locked(Path(self.path), lambda: say(waiting)):
            partial = Path(tempfile.mkdtemp() if self.on_s3 else f"{self.path}/{PARTIAL}")
            shutil.rmtree(partial, ignore_errors=True)  # what a killed process has left
            partial.mkdir()
            try:
                yield partial
            finally:
                shutil.rmtree(partial, ignore_errors=True)

    def names(self) -> dict[str, int]:
        """The files with their sizes in bytes, but for those that are being written."""
        with s3_errors(self.url):
            selector = fs.FileSelector(self.path, recursive=True, allow_not_found=True)
            infos = [info for info in self.files.get_file_info(selector) if info.is_file]
        found = {info.path[len(self.path) + 1 :]: int(info.size) for info in infos}
        return {name: size for name, size in found.items() if not name.startswith(f"{PARTIAL}/")}

    def read(self, name: str) -> bytes:
        with s3_errors(f"{self.url}/{name}"), self.files.open_input_file(self._at(name)) as file:
            return bytes(file.read())

    def add(self, new: Path, name: str) -> None:
        """Move a local file here, under a name that readers see once the file is whole."""
        if not self.on_s3:
            sync(new)
            place = Path(self._at(name))
            place.parent.mkdir(parents=True, exist_ok=True)
            new.replace(place)
            sync(place.parent)
            return
        with (
            s3_errors(f"{self.url}/{name}"),
            new.open("rb") as source,
            self.files.open_output_stream(self._at(name)) as to,
        ):
            shutil.copyfileobj(source, to, READ)
        new.unlink()

    def remove(self, name: str) -> None:
        with s3_errors(f"{self.url}/{name}"):
            self.files.delete_file(self._at(name))
        if not self.on_s3:
            with suppress(OSError):  # it has other files
                Path(self._at(name)).parent.rmdir()

    def _at(self, name: str) -> str:
        return f"{self.path}/{name}"
