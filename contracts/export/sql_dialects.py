"""Databases as data: how each writes names, types, literals and comments. What they share stands in ``ddl``."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from contracts.types import FieldType


@dataclass(frozen=True, slots=True)
class Dialect:
    """One database.

    Names are always quoted, in the case the database itself would fold them to: so no word is reserved, and whoever
    writes them without quotes means the same. ``longest`` is the longest name in characters. In the types, ``n`` is a
    length, ``p`` and ``s`` the digits of a number and those behind its point.
    """

    quotes: str = '""'
    upper: bool = False
    longest: int = 63
    text: str = "VARCHAR({n})"
    long_text: tuple[int, str] = (0, "")
    """Above how many characters a text has another type, and which; 0 for never."""
    decimal: str = "DECIMAL({p},{s})"
    whole: tuple[str, str, str] = ("SMALLINT", "INTEGER", "BIGINT")
    """Types of whole numbers of 16, 32 and 64 bits; ``p`` is known here too."""
    date: str = "DATE"
    timestamp: str = "TIMESTAMP"
    lease: str = ""
    """What a point of time is called that ODBC shall know as one, where that is not ``timestamp``."""
    boolean: str = "BOOLEAN"
    length: str = "CHAR_LENGTH({c})"
    date_literal: str = "DATE '{v}'"
    backslashes: bool = False
    """Whether a backslash in a text literal has to be doubled."""
    comments: Literal["lines", "statements", "inline"] = "lines"
    room: int = 4000
    """Characters a comment may have."""
    nullable: str = ""
    """What stands behind a column that may be NULL, where a database takes silence for NOT NULL."""
    checks: Mapping[FieldType, str] | None = None
    """What a column of a loosely typed database must hold, besides what the contract asks."""
    remark: str = ""
    """What whoever runs the statements has to know."""

    def name(self, *words: str) -> str:
        """A quoted name made of words; one that is too long is cut and ends in eight digits of its SHA-256.

        >>> DIALECTS["oracle"].name("loan_decision", "reasons")
        '"LOAN_DECISION_REASONS"'
        """
        name = "_".join(words)
        if len(name) > self.longest:
            name = f"{name[: self.longest - 9]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
        return f"{self.quotes[0]}{name.upper() if self.upper else name}{self.quotes[1]}"

    def text_of(self, length: int) -> str:
        """The type of a text of at most so many characters."""
        most, other = self.long_text
        return (other if most and length > most else self.text).format(n=length)

    def comment(self, text: str) -> str:
        """A comment in quotes, cut where a column's comment may not be as long."""
        return self.literal(text if len(text) <= self.room else f"{text[: self.room - 1]}…")

    def literal(self, text: str) -> str:
        """A text in quotes."""
        return "'" + (text.replace("\\", "\\\\") if self.backslashes else text).replace("'", "''") + "'"


_UNTRIED: Final = "Written from its manual, and tried on no server: try it before you rely on it."
_YES_OR_NO: Final[Mapping[FieldType, str]] = {"boolean": "{c} IN (0, 1)"}
_MYSQL: Final = Dialect(
    quotes="``", longest=64, text="VARCHAR({n}) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", timestamp="DATETIME",
    backslashes=True, comments="inline", room=1024,
)  # fmt: skip
DIALECTS: Final[Mapping[str, Dialect]] = {
    "ansi": Dialect(upper=True, longest=128, remark=_UNTRIED),
    "db2": Dialect(
        remark=_UNTRIED, upper=True, longest=128, text="VARCHAR({n} CODEUNITS32)", timestamp="TIMESTAMP(0)",
        length="CHARACTER_LENGTH({c}, CODEUNITS32)", date_literal="DATE('{v}')",
    ),
    "informix": Dialect(
        remark=f"{_UNTRIED} Names are quoted: set DELIMIDENT=y. Lengths count bytes unless SQL_LOGICAL_CHAR says else.",
        longest=128, long_text=(255, "LVARCHAR({n})"), timestamp="DATETIME YEAR TO SECOND",
        date_literal="MDY({v:%m}, {v:%d}, {v:%Y})",
    ),
    "mariadb": _MYSQL,
    "mysql": _MYSQL,
    "oracle": Dialect(
        remark=_UNTRIED, upper=True, longest=30, text="VARCHAR2({n} CHAR)", decimal="NUMBER({p},{s})",
        whole=("NUMBER({p})",) * 3, timestamp="TIMESTAMP(0)", boolean="NUMBER(1)", length="LENGTH({c})",
        comments="statements", checks=_YES_OR_NO,
    ),
    "postgresql": Dialect(decimal="NUMERIC({p},{s})", timestamp="TIMESTAMP(0) WITH TIME ZONE", comments="statements"),
    "sqlite": Dialect(
        whole=("INTEGER",) * 3, date="TEXT", timestamp="TEXT", lease="TIMESTAMP", boolean="INTEGER",
        length="length({c})", date_literal="'{v}'",
        checks={
            "integer": "typeof({c}) IN ('integer', 'null')",
            "decimal": "typeof({c}) IN ('integer', 'real', 'null') AND round({c}, {s}) = {c}",
            "boolean": "{c} IN (0, 1)",
            "date": "{c} IS date({c})",
            "timestamp": "{c} IS strftime('%Y-%m-%dT%H:%M:%SZ', {c})",
            "string": "length({c}) <= {n}",
        },
    ),
    "sqlserver": Dialect(
        remark=_UNTRIED, quotes="[]", longest=128, text="NVARCHAR({n}) COLLATE Latin1_General_100_BIN2",
        whole=("SMALLINT", "INT", "BIGINT"), timestamp="DATETIME2(0)", boolean="BIT", date_literal="'{v}'",
        length="LEN({c} + N'|') - 1",
    ),
    "sybase": Dialect(
        remark=f"{_UNTRIED} Names are quoted: SET QUOTED_IDENTIFIER ON. Lengths count bytes; '' is one blank.",
        longest=255, whole=("SMALLINT", "INT", "BIGINT"), timestamp="DATETIME", boolean="TINYINT", nullable="NULL",
        date_literal="'{v:%Y%m%d}'", checks=_YES_OR_NO,
    ),
}  # fmt: skip
"""By the name ``--dialect`` takes. Oracle's names are short enough for versions before 12.2 as well."""
