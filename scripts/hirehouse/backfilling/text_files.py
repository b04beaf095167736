"""CSV and JSON files of an older system, loaded into a DuckDB table whose values are texts.

Python's readers take files as they are, whatever their encoding and line ends, and tell the line of
a mistake.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, count, islice, zip_longest
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from hirehouse.backfilling.errors import BackfillError
from hirehouse.events.exact_json import SURROGATE, JsonError, kind, read_exact, to_json
from hirehouse.landing.recognize import MARKS as WIDE_MARKS
from hirehouse.warehouse.sql import quoted

ROWS = 20_000  # that are inserted at once
CHARACTERS = 16_000_000  # the same, at most by one row more
MAX_COLUMNS = 2_000
MAX_VALUE = 4_000_000  # characters of a value in a CSV file
csv.field_size_limit(MAX_VALUE)
GZIP = b"\x1f\x8b"
MARKS = {codecs.BOM_UTF8: "utf-8-sig"} | WIDE_MARKS
OTHERS = {  # files of other kinds, by their first bytes
    b"PK\x03\x04": "a zip file, as spreadsheets save themselves: export it as CSV",
    b"\xd0\xcf\x11\xe0": "a file of an office program: export it as CSV",
    b"PAR1": "a Parquet file: name it .parquet",
    b"\x28\xb5\x2f\xfd": "compressed with zstd: decompress it first",
}
BROKEN = {  # what csv.Error says, and what we say
    "unexpected end of data": "a quoted value does not end",
    "expected after": "a quoted value is followed by more than a delimiter",
    "field larger": f"a value has more than {MAX_VALUE:,} characters: does a quoted one not end?",
}
NUL = "there is a NUL character: if the file is UTF-16, state it with --encoding utf-16"
OPTION = re.compile(r"(\w+)\s*=\s*('(?:[^']|'')*'|\d+|true|false)")
CREATE = "create table source_rows ({})"
Row = list[str | None]


@dataclass(frozen=True)
class CsvOptions:
    """How a CSV file is written; the names are those of DuckDB's `read_csv`."""

    delim: str = ","
    quote: str = '"'
    escape: str = ""  # of a quote in a quoted value; without it, the quote is doubled
    skip: int = 0  # lines before the header
    header: bool = True
    null_padding: bool = False  # missing values at the end of a row are null
    encoding: str = ""

    @classmethod
    def parse(cls, text: str) -> CsvOptions:
        """Parse `delim = ';', skip = 2`; BackfillError if it is no such list."""
        defaults = vars(cls())
        values: dict[str, Any] = {}
        for name, value in OPTION.findall(text):
            known = {"true": True, "false": False, "'\\t'": "\t"}
            plain = int(value) if value.isdigit() else value[1:-1].replace("''", "'")
            values[name.replace("sep", "delim")] = known.get(value, plain)
        right = [type(value) is type(defaults.get(name)) for name, value in values.items()]
        if not all(right) or OPTION.sub("", text).strip(" ,"):
            raise BackfillError(
                f"--csv: {text}: write such as delim = ';', skip = 2, header = false;"
                f" there are {', '.join(defaults)}"
            )
        return cls(**values)

    def reader(self, lines: Iterator[str]) -> Any:
        """Python's reader of such a file."""
        doubled = self.escape in (self.quote, "")
        try:
            return csv.reader(
                islice(lines, self.skip, None),
                strict=True,
                delimiter=self.delim,
                quotechar=self.quote or None,
                quoting=csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
                doublequote=doubled,
                escapechar=None if doubled else self.escape,
            )
        except (TypeError, ValueError) as error:
            raise BackfillError(f"--csv: {error}") from None


class Columns:
    """Names of columns, in the file and, since SQL takes `Id` for `id`, in the table."""

    def __init__(self) -> None:
        self.in_file: list[str] = []
        self.in_table: list[str] = []
        self.taken = {"source_row"}

    def add(self, name: str, place: str) -> int:
        """Add a column, and return its number from 0; BackfillError if it can't be one."""
        number = len(self.in_file)
        if "\0" in name:
            raise BackfillError(f"{place}: {NUL}")
        if number == MAX_COLUMNS:
            raise BackfillError(f"{place}: more than {MAX_COLUMNS:,} names of columns")
        wanted = name or f"column{number}"
        others = (f"{wanted}_{copy}" for copy in count(1))
        free = next(n for n in chain([wanted], others) if n.lower() not in self.taken)
        self.taken.add(free.lower())
        self.in_file.append(name)
        self.in_table.append(free)
        return number


def load_text(
    connection: duckdb.DuckDBPyConnection, path: Path, encoding: str, options: CsvOptions
) -> list[str]:
    """Load a CSV or JSON file, plain or compressed by gzip, into the new table `source_rows`.

    Args:
        encoding: as Python calls it; empty for UTF-8. A byte order mark is believed first.
        options: of a file whose name ends in .csv or .csv.gz.

    Returns:
        The names of the columns in the file.

    Raises:
        BackfillError: with the line of a mistake, and what to do.
    """
    columns = Columns()
    if path.name.lower().removesuffix(".gz").endswith(".csv"):
        rows = _csv_rows(_lines(path, encoding or options.encoding, ""), options, columns)
    else:
        rows = _json_rows(_lines(path, encoding, None), columns)
    made = 0
    try:
        for batch in _batches(rows):
            for name in columns.in_table[made:]:
                what = "alter table source_rows add column {}" if made else CREATE
                connection.execute(what.format(f"{quoted(name)} varchar"))
                made += 1
            if not batch:
                break
            values = [pa.array(one, pa.string()) for one in zip_longest(*batch)]
            names = columns.in_table[: len(values)]
            connection.register("arriving", pa.Table.from_arrays(values, names))
            connection.execute("insert into source_rows by name from arriving")
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise BackfillError("its gzip data is damaged or cut off") from None
    if not made:
        raise BackfillError("it is empty")
    return columns.in_file


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Rows in batches of bounded size."""
    batch: list[Row] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += sum(len(value) for value in row if value)
        if len(batch) == ROWS or size > CHARACTERS:
            yield batch
            batch, size = [], 0
    yield batch


def _lines(path: Path, encoding: str, newline: str | None) -> Iterator[str]:
    """The lines of a text file: with `newline` "" as they end, with None ending in \\n."""
    with path.open("rb") as file:
        raw: Any = gzip.GzipFile(fileobj=file) if file.peek(2).startswith(GZIP) else file
        start = raw.peek(4)
        for magic, what in OTHERS.items():
            if start.startswith(magic):
                raise BackfillError(f"it is {what}")
        encoding = next((n for mark, n in MARKS.items() if start.startswith(mark)), encoding)
        wrong = f"is not {(encoding or 'utf-8').upper().removesuffix('-SIG')}"
        if not encoding:
            wrong += ": state the encoding of the file, such as --encoding windows-1252"
        number = 0
        try:
            text = io.TextIOWrapper(raw, encoding or "utf-8", "surrogateescape", newline)
            for number, line in enumerate(text, 1):
                if not line.isascii() and SURROGATE.search(line):
                    raise BackfillError(f"line {number} {wrong}")
                yield line
        except LookupError:
            such = "take such as windows-1252, latin-1 or utf-16"
            raise BackfillError(f"--encoding: {encoding} is unknown: {such}") from None
        except UnicodeError:
            raise BackfillError(f"line {number + 1} or a later one {wrong}") from None


def _csv_rows(lines: Iterator[str], options: CsvOptions, columns: Columns) -> Iterator[Row]:
    reader = options.reader(lines)
    width = named = 0
    while True:
        place = f"line {options.skip + reader.line_num + 1}"
        try:
            row = next(reader, None)
        except csv.Error as error:
            found = (ours for theirs, ours in BROKEN.items() if theirs in str(error))
            raise BackfillError(f"{place}: {next(found, error)}") from None
        if row is None:
            return
        if not width:
            for name in row if options.header else [""] * len(row):
                columns.add(name, place)
            width = len(columns.in_file)
            # Spreadsheets end lines in commas for columns without a name, but not each line.
            named = max((n for n, name in enumerate(columns.in_file, 1) if name), default=width)
            if options.header:
                continue
        if not row and width > 1:
            continue  # a blank line
        if any(row[width:]):
            why = "a value that contains the delimiter must be in quotes"
            raise BackfillError(f"{place}: {len(row)} values for {width} columns: {why}")
        if 0 < len(row) < named and not options.null_padding:
            why = 'if the last ones are empty, state --csv "null_padding = true"'
            raise BackfillError(f"{place}: {len(row)} values for {named} columns: {why}")
        row += [""] * (width - len(row))
        yield [value or None for value in row[:width]]


def _json_rows(lines: Iterator[str], columns: Columns) -> Iterator[Row]:
    numbers: dict[str, int] = {}
    for place, document in _documents(lines):
        if not isinstance(document, dict) or not document:
            found = "an object without members" if document == {} else kind(document)
            raise BackfillError(f"{place}: expected an object, found {found}")
        row: Row = [None] * len(numbers)
        for name, value in document.items():
            text = value if isinstance(value, str) else to_json(value)
            if not (name + text).isprintable() and SURROGATE.search(name + text):
                raise BackfillError(f"{place}: half of a surrogate pair")
            if name not in numbers:
                numbers[name] = columns.add(name, place)
                row.append(None)
            row[numbers[name]] = None if value is None else text
        yield row


def _documents(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    """The documents of lines, or of one list of all, with their places."""

    def read(text: str, place: str) -> Any:
        if "\0" in text:
            raise BackfillError(f"{place}: {NUL}")
        try:
            return read_exact(text.encode(), strict=False)
        except JsonError as error:
            what = str(error) if error.flaws else f"not JSON: {error}"
            # The place says it already.
            what = what.replace("line 1 column", "column") if place.startswith("line") else what
            raise BackfillError(f"{place}: {what}") from None

    first = True
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if first and line.lstrip().startswith("["):
            whole = read(line + "".join(lines), f"the list that begins in line {number}")
            yield from ((f"row {row}", document) for row, document in enumerate(whole, 1))
            return
        first = False
        yield f"line {number}", read(line, f"line {number}")
