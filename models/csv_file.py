"""A CSV file as columns and rows of text, in the dialect that a training spec states and `scoregate init` finds out.

Nothing is repaired: a header name that occurs twice, a row with too few cells, a file that is not text are faults.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import ConfigurationError, Fault

SHOWN = 10
"""Faults of rows that are named one by one."""
ENCODINGS = ("utf-8", "cp1252", "latin-1", "utf-16")
DELIMITERS = (",", ";", "\t", "|")
_COMMA_NUMBER = re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]{3})*(?:,[0-9]+)?|[+-]?[0-9]+(?:,[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a CSV is written. ``decimal`` is the mark between units and decimals: ``.`` or ``,``."""

    delimiter: str = ","
    encoding: str = "utf-8"
    decimal: str = "."

    def number(self, cell: str) -> str:
        """A number of this dialect with a decimal point; any other text as it is.

        >>> Dialect(decimal=",").number("1.234,50"), Dialect(decimal=",").number("NA"), Dialect().number("1.5")
        ('1234.50', 'NA', '1.5')
        """
        if self.decimal == "." or not _COMMA_NUMBER.fullmatch(cell):
            return cell
        return cell.replace(".", "").replace(",", ".")


def read_csv(path: Path, dialect: Dialect) -> tuple[tuple[str, ...], list[list[str]]]:
    """The header and the rows below it; raises ConfigurationError with every fault of the file's form."""
    text = read_text(path, dialect.encoding)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=dialect.delimiter, strict=True)
        columns = tuple(next(reader, ()))
        rows = list(reader)
    except csv.Error as exc:
        raise _fault(path, 0, f"cannot be read as CSV: {exc}") from exc
    faults = _form_faults(path, columns, rows)
    if faults:
        raise ConfigurationError(faults)
    return columns, rows


def read_text(path: Path, encoding: str) -> str:
    """The file as text, without its byte order mark; raises ConfigurationError where it is none in this encoding."""
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except (OSError, UnicodeError) as exc:
        raise _fault(path, 0, f"cannot be read as text in {encoding}: {exc}") from exc
    if "\0" in text:
        raise _fault(path, 0, "is not text: it holds zero bytes", "export it as CSV")
    return text


def _form_faults(path: Path, columns: tuple[str, ...], rows: list[list[str]]) -> list[Fault]:
    if not any(columns):
        return [Fault(str(path), 0, 0, "is empty", "the first line names the columns, each further one is one loan")]
    doubled = [name for name, count in Counter(columns).items() if count > 1]
    faults = [Fault(str(path), 1, 0, f"the column {name!r} occurs more than once", "rename one") for name in doubled]
    faults += [
        Fault(str(path), line, 0, f"has {len(row)} cells, the header has {len(columns)}")
        for line, row in enumerate(rows, start=2)
        if len(row) != len(columns)
    ][:SHOWN]
    if not rows:
        faults.append(Fault(str(path), 1, 0, "holds no rows"))
    return faults


def _fault(path: Path, line: int, message: str, hint: str = "") -> ConfigurationError:
    return ConfigurationError([Fault(str(path), line, 0, message, hint)])
