"""A CSV file as columns and rows of text, in the dialect that a training spec states and `scoregate init` finds out.

Nothing is repaired: a header name that occurs twice, a row with too few cells, a file that is not text are faults, each
with its line. Lines that hold nothing at all are passed over.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from contracts.errors import ConfigurationError, Fault

SHOWN = 10
"""Faults of rows that are named one by one."""
ENCODINGS = ("utf-8", "cp1252", "latin-1", "utf-16")
DELIMITERS = (",", ";", "\t", "|")
_GROUPED = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_COMMA_NUMBER = re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]{3})*(?:,[0-9]+)?|[+-]?[0-9]+(?:,[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a CSV is written. ``decimal`` is the mark between units and decimals: ``.`` or ``,``; the other may part
    thousands."""

    delimiter: str = ","
    encoding: str = "utf-8"
    decimal: str = "."

    def number(self, cell: str) -> str:
        """A number of this dialect with a decimal point and without marks between thousands; any other text as it is.

        >>> Dialect(decimal=",").number("1.234,50"), Dialect(decimal=",").number("NA"), Dialect().number("1,234.5")
        ('1234.50', 'NA', '1234.5')
        """
        if self.decimal == ".":
            return cell.replace(",", "") if _GROUPED.fullmatch(cell) else cell
        if not _COMMA_NUMBER.fullmatch(cell):
            return cell
        return cell.replace(".", "").replace(",", ".")


class Table(NamedTuple):
    """A CSV as text. ``lines``: where each row begins, which blank lines and line breaks within quotes move."""

    columns: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]


def read_csv(path: Path, dialect: Dialect) -> Table:
    """The header and the rows below it; raises ConfigurationError with every fault of the file's form."""
    table = _parsed(path, read_text(path, dialect.encoding), dialect.delimiter)
    faults = _form_faults(path, table, dialect.delimiter)
    if faults:
        raise ConfigurationError(faults)
    return table


def _parsed(path: Path, text: str, delimiter: str) -> Table:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    table, line = Table((), [], []), 1
    try:
        table = table._replace(columns=tuple(next(reader, ())))
        line = reader.line_num + 1
        for row in reader:
            if row:
                table.rows.append(row)
                table.lines.append(line)
            line = reader.line_num + 1
    except csv.Error as exc:
        hint = "every quote that is opened is closed, and a quote within a cell is doubled"
        raise _fault(path, line, f"cannot be read as CSV from here: {exc}", hint) from exc
    return table


def read_text(path: Path, encoding: str) -> str:
    """The file as text, without its byte order mark; raises ConfigurationError where it is none in this encoding."""
    content = b""
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except OSError as exc:
        raise _fault(path, 0, f"cannot be read: {exc.strerror}", "name a CSV file") from exc
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        others = ", ".join(other for other in ENCODINGS if other != encoding)
        hint = f"say which encoding it is under csv: {{encoding: …}} in the spec, one of {others}"
        raise _fault(path, line, f"is not text in {encoding}", hint) from exc
    if "\0" in text:
        raise _fault(path, 0, "is not text: it holds zero bytes", "export it as CSV")
    return text


def _form_faults(path: Path, table: Table, delimiter: str) -> list[Fault]:
    columns = table.columns
    if not any(columns):
        return [Fault(str(path), 0, 0, "is empty", "the first line names the columns, each further one is one loan")]
    others = [other for other in DELIMITERS if len(columns) == 1 and other in columns[0]]
    if others:
        hint = f"csv: {{delimiter: {json.dumps(others[0])}}} in the spec"
        return [Fault(str(path), 1, 0, f"has one column if {delimiter!r} parts them, but holds {others[0]!r}", hint)]
    doubled = [name for name, count in Counter(columns).items() if count > 1]
    faults = [Fault(str(path), 1, 0, f"the column {name!r} occurs more than once", "rename one") for name in doubled]
    faults += _ragged(path, table)
    if not table.rows:
        faults.append(Fault(str(path), 1, 0, "holds no rows"))
    return faults


def _ragged(path: Path, table: Table) -> list[Fault]:
    width = len(table.columns)
    found = [(line, len(row)) for line, row in zip(table.lines, table.rows, strict=True) if len(row) != width]
    hint = "a cell that holds the delimiter is quoted"
    faults = [Fault(str(path), line, 0, f"has {n} cells, the header has {width}", hint) for line, n in found[:SHOWN]]
    if len(found) > SHOWN:
        faults.append(Fault(str(path), 0, 0, f"{len(found):,} lines in all have not {width} cells"))
    return faults


def _fault(path: Path, line: int, message: str, hint: str = "") -> ConfigurationError:
    return ConfigurationError([Fault(str(path), line, 0, message, hint)])
