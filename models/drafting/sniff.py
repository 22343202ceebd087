"""How a CSV is written: encoding, delimiter, decimal mark, each found out from the bytes and told with its evidence."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from pathlib import Path

from contracts.errors import ConfigurationError, Fault
from models.csv_file import DELIMITERS, Dialect, read_text
from models.drafting.findings import Finding, Severity

MAX_BYTES = 500_000_000
LINES = 500
"""Lines that the delimiter is judged by."""
_SHOWN = {"\t": "tab", ",": "','", ";": "';'", "|": "'|'"}
_CONTROL = re.compile("[\x01-\x08\x0e-\x1f]")


def sniff(path: Path) -> tuple[Dialect, list[Finding]]:
    """The dialect and what it was told by; raises ConfigurationError for an empty file or one that is no text."""
    encoding, why = _encoding(path)
    text = read_text(path, encoding)
    if not text.strip():
        raise _unusable(path, "is empty", "the first line names the columns, each further one is one loan")
    if _CONTROL.search(text[:100_000]):
        raise _unusable(path, "is not text: it holds control characters", "export it as CSV")
    delimiter = _delimiter(text)
    decimal, seen, doubts = _decimal(text, delimiter)
    dialect = Dialect(delimiter, encoding, decimal)
    evidence = f"{why}; {_SHOWN[delimiter]} parts the first lines evenly; {seen}"
    what = f"the file is {encoding}, delimiter {_SHOWN[delimiter]}, decimal mark {decimal!r}"
    severity: Severity = "note" if dialect == Dialect() else "should"
    return dialect, [*doubts, Finding(severity, what, evidence, "correct it if it is not so", "spec", "csv:")]


def _encoding(path: Path) -> tuple[str, str]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _unusable(path, f"is larger than {MAX_BYTES:,} bytes", "draft from a sample of it")
        content = path.read_bytes()
    except OSError as exc:
        raise _unusable(path, f"cannot be read: {exc.strerror}") from exc
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16", "it begins with the byte order mark of UTF-16"
    if content.startswith(b"PK"):
        raise _unusable(path, "is not text but a spreadsheet or an archive", "export the sheet as CSV")
    if b"\0" in content:
        raise _unusable(path, "is not text: it holds zero bytes", "export it as CSV")
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        return _eight_bit(content), f"byte {exc.start} is no UTF-8"
    return "utf-8", "every byte is UTF-8" + (", with a byte order mark" if content.startswith(b"\xef\xbb\xbf") else "")


def _eight_bit(content: bytes) -> str:
    try:
        content.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    return "cp1252"


def _rows(text: str, delimiter: str) -> list[list[str]]:
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        return [row for row, _ in zip(reader, range(LINES), strict=False)]
    except csv.Error:
        return []


def _delimiter(text: str) -> str:
    """The one that parts most lines into as many cells as the header has; the more columns the better."""

    def fit(delimiter: str) -> tuple[float, int]:
        rows = _rows(text, delimiter)
        width = len(rows[0]) if rows else 0
        even = sum(len(row) == width for row in rows) / max(len(rows), 1)
        return (even if width > 1 else 0.0, width)

    return max(DELIMITERS, key=fit)


def _decimal(text: str, delimiter: str) -> tuple[str, str, list[Finding]]:
    """The decimal mark, what it was told by, and the question that is left where no cell tells."""
    marks = Counter(_mark(cell.strip()) for row in _rows(text, delimiter)[1:] for cell in row)
    if marks[","] and not marks["."]:
        return ",", f"{marks[',']} cells have a decimal comma, none a point", []
    if marks["."]:
        seen = f", but {marks[',']} a comma" if marks[","] else ""
        return ".", f"{marks['.']} cells have a decimal point{seen}", []
    told = [_doubt(mark, marks[f"{mark}?"]) for mark in ",." if marks[f"{mark}?"]]
    return ".", "no cell has a decimal comma", told


def _doubt(mark: str, count: int) -> Finding:
    taken = "parts thousands" if mark == "," else "begins the decimals"
    what = f"{mark!r} before three digits {taken}: is it so?"
    cure = "if not, write the numbers plainly in the file and draft again: amounts are wrong a thousandfold"
    return Finding("must", what, f"{count} cells look like 1{mark}234, and none tells the decimal mark", cure)


def _mark(cell: str) -> str:
    """The decimal mark a cell proves, the mark with ``?`` where it may as well part thousands, else nothing."""
    for mark, other in ((",", "."), (".", ",")):
        if re.fullmatch(rf"[+-]?[1-9][0-9]{{0,2}}\{mark}[0-9]{{3}}", cell):
            return f"{mark}?"
        whole = rf"(?:[0-9]+|[1-9][0-9]{{0,2}}(?:\{other}[0-9]{{3}})+)"
        if re.fullmatch(rf"[+-]?{whole}\{mark}[0-9]+", cell):
            return mark
        if re.fullmatch(rf"[+-]?[1-9][0-9]{{0,2}}(?:\{other}[0-9]{{3}}){{2,}}", cell):
            return mark
    return ""


def _unusable(path: Path, message: str, hint: str = "") -> ConfigurationError:
    return ConfigurationError([Fault(str(path), 0, 0, message, hint)])
