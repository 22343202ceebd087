"""One column of a CSV looked at: what kind of values it holds, and which texts stand for nothing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from contracts.mapping.conversions import LIMIT
from models.csv_file import Dialect
from models.drafting import words

Floats = NDArray[np.float64]
Kind = Literal["integer", "decimal", "boolean", "code", "date", "text", "empty", "constant"]

MOST_CODES = 40
"""More different texts than this are no code list a person could maintain."""
MOST_DECIMALS = 9
"""Decimals a contract can state."""
MOST_DIGITS = len(str(LIMIT - 1))
FEWEST_PEOPLE = 10
"""Different values from which a column that is named like an identifier is taken for one, not for yes and no."""
STRAY = 0.1
"""Share of cells that may hold one of a few texts in a column that is otherwise numbers."""
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,17})(?:\.([0-9]*))?|[+-]?\.([0-9]+)")
_PLAIN = re.compile(r"[0-9.]+")
_LEADING_ZERO = re.compile(r"0[0-9]+")
_DATE = re.compile(
    r"[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}(?:[T ][0-9:.]+Z?)?|[0-9]{1,2}[-/.][0-9]{1,2}[-/.](?:[0-9]{4}|[0-9]{2})|"
    r"[A-Z][a-z]{2}[- ][0-9]{4}"
)


@dataclass
class Column:
    """``numbers``, shape (n,): the value of each row, NaN where there is none or the column holds no numbers.

    ``blanks`` counts the texts that stand for nothing; ``codes`` the others, most frequent first, as written.
    """

    name: str
    kind: Kind
    cells: list[str]
    numbers: Floats
    codes: Counter[str]
    blanks: Counter[str]
    scale: int = 0
    trimmed: bool = False
    overlong: str = ""
    """Why a contract cannot state the numbers of a column, in words; its kind is then text."""
    stray: tuple[str, ...] = ()
    told_codes: bool = False
    """Whether a person has said that it holds codes."""
    suspected: dict[str, str] = field(default_factory=dict)
    """Literals that seem to stand for nothing, with the evidence; they count as blanks in ``blanks``."""

    @property
    def is_number(self) -> bool:
        return self.kind in ("integer", "decimal")

    @property
    def known(self) -> Floats:
        """The numbers that are there, sorted."""
        return np.sort(self.numbers[~np.isnan(self.numbers)])

    @property
    def given(self) -> int:
        return len(self.cells) - self.blanks.total()

    @property
    def distinct(self) -> int:
        return len(self.codes)

    def quantile(self, share: float) -> float:
        return float(np.quantile(self.known, share, method="nearest"))

    def text(self, number: float) -> str:
        """A number as this column writes it, with a point."""
        return str(round(number)) if self.scale == 0 else f"{number:.{self.scale}f}"


def look_at(name: str, raw: Sequence[str], dialect: Dialect) -> Column:
    """One column; ``raw`` are its cells in file order."""
    cells = [cell.strip() for cell in raw]
    blanks = Counter(cell for cell in cells if cell == "" or cell in words.BLANKS)
    codes = Counter(dict(Counter(cell for cell in cells if cell not in blanks).most_common()))
    trimmed = any(len(before) != len(after) for before, after in zip(raw, cells, strict=True))
    column = Column(name, "text", cells, np.full(len(cells), np.nan), codes, blanks, trimmed=trimmed)
    if not codes:
        column.kind = "empty"
    elif len(codes) == 1:
        column.kind = "constant"
    elif set(codes) <= {"0", "1"} or set(codes) <= {"true", "false"}:
        column.kind = "boolean"
        _fill(column, {"0": 0.0, "1": 1.0, "false": 0.0, "true": 1.0})
    elif all(map(_DATE.fullmatch, codes)):
        column.kind = "date"
    elif not _as_numbers(column, dialect) and len(codes) <= MOST_CODES:
        column.kind = "code"
    return column


def hold_codes(column: Column) -> None:
    """Let a column that holds few different values hold codes, whatever they look like."""
    column.told_codes = True
    if column.kind in ("integer", "decimal", "boolean", "date", "text"):
        column.kind, column.scale = "code", 0
        column.numbers = np.full(len(column.cells), np.nan)


def _as_numbers(column: Column, dialect: Dialect) -> bool:
    """Fill in the numbers if nearly every cell is one; the few other texts become blanks, which is told."""
    spelled = {code: dialect.number(code) for code in column.codes}
    read = {code: text for code, text in spelled.items() if _NUMBER.fullmatch(text)}
    strays = [code for code in column.codes if code not in read]
    lost = sum(column.codes[code] for code in strays)
    zeros = any(_LEADING_ZERO.fullmatch(code) for code in column.codes)
    scale = max((_scale(text) for text in read.values()), default=0)
    digits = max((len(text.lstrip("+-0").partition(".")[0]) for text in read.values()), default=0) + scale
    if not read or zeros or len(strays) > 3 or lost > STRAY * column.codes.total():
        return False
    if scale > MOST_DECIMALS:
        column.overlong = f"its numbers have {scale} decimals, a contract states at most {MOST_DECIMALS}"
    elif digits > MOST_DIGITS:
        column.overlong = f"its numbers take {digits} digits, decimals included, a contract holds at most {MOST_DIGITS}"
    if column.overlong:
        return True
    _blank(column, strays)
    column.stray = tuple(strays)
    if len(read) < 2:
        column.kind = "constant"
        return True
    column.kind, column.scale = ("decimal", scale) if scale else ("integer", 0)
    _fill(column, {code: float(Decimal(text)) for code, text in read.items()})
    return True


def _scale(text: str) -> int:
    return len(text.partition(".")[2].rstrip("0"))


def _blank(column: Column, literals: Sequence[str]) -> None:
    for literal in literals:
        column.blanks[literal] = column.codes.pop(literal)


def _fill(column: Column, values: dict[str, float]) -> None:
    column.numbers = np.array([values.get(cell, np.nan) for cell in column.cells])


def take_for_blank(column: Column, literal: str, evidence: str) -> None:
    """Let a literal of a number column stand for nothing from here on."""
    if literal in column.codes:
        _blank(column, [literal])
        column.suspected[literal] = evidence
        column.numbers[[cell == literal for cell in column.cells]] = np.nan


def holds_nothing(column: Column) -> tuple[str, str] | None:
    """Why no field can be made of it, and the cure; None where one can."""
    if column.kind == "empty":
        return "it is empty in every row", "ask why it is collected"
    if column.kind == "constant":
        return "it holds one value in every row", "ask why it is collected"
    if column.overlong:
        return column.overlong, "round them in the file"
    return None


def identifies(column: Column) -> str:
    """Why the column tells who somebody is, in words; empty where it does not."""
    sample = list(column.codes)[:2000]
    for what, pattern in words.PATTERNS.items():
        texts = [code for code in sample if not _PLAIN.fullmatch(code)] if what == "phone numbers" else sample
        if column.kind == "text" and len(texts) * 2 > len(sample) and all(map(pattern.fullmatch, texts[:200])):
            return f"its values look like {what}"
    named = words.says(column.name, words.IDENTIFYING)
    unique = column.distinct >= 0.95 * max(column.given, 1) and column.given > 1
    if unique and (column.kind == "text" or named) and column.kind != "decimal":
        return f"{column.distinct:,} different values in {column.given:,} rows" + (
            f", named {named!r}" if named else ""
        )
    if unique and column.kind == "integer" and _counts_up(column):
        return "its values count up from row to row"
    told = named if column.kind == "text" else _numbers_people(column)
    if told:
        return f"the name says {told!r}, and it holds {column.distinct:,} different values"
    return ""


def _numbers_people(column: Column) -> str:
    """The words by which a column of repeating values is named like an identifier; a person may have decided else."""
    may_be = column.kind in ("integer", "code") and column.distinct >= FEWEST_PEOPLE and not column.told_codes
    return words.identifier(column.name) if may_be else ""


def _counts_up(column: Column) -> bool:
    steps = np.diff(column.numbers[~np.isnan(column.numbers)])
    return bool(len(steps)) and bool((steps == 1).all())
