"""What can be told of a statement without a database: its parameters, and whether it only reads. Pure."""

from __future__ import annotations

import re
from typing import Final

_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?\*/", re.DOTALL)
"""Literals, quoted names and comments: what a question mark or a word may stand in without meaning anything."""
_WRITING: Final = re.compile(r"\b(?:DELETE|INSERT(?!\s*\()|INTO|MERGE|UPDATE)\b", re.IGNORECASE)
"""Words that write or lock, wherever in a SELECT they stand; INSERT(…) is a function."""
ONE_SELECT: Final = "one SELECT that reads and nothing more"
QUOTE: Final = "put a name that is such a word in quotes: DELETE, INSERT, INTO, MERGE, UPDATE"


def bare(sql: str) -> str:
    """A statement without its literals, quoted names and comments."""
    return _QUOTED.sub(" ", sql)


def markers(sql: str) -> int:
    """How many parameters it takes.

    >>> markers("SELECT '?' FROM \\"T?\\" WHERE a = ? -- and b = ?")
    1
    """
    return bare(sql).count("?")


def filled(sql: str, value: str) -> str:
    """A statement with this in place of each parameter.

    >>> filled("SELECT '?' WHERE a = ?", "1")
    "SELECT '?' WHERE a = 1"
    """
    return re.sub(rf"{_QUOTED.pattern}|\?", lambda found: value if found[0] == "?" else found[0], sql, flags=re.DOTALL)


def reads_only(sql: str) -> bool:
    """Whether it is one SELECT that reads and does nothing else, as far as its words tell.

    >>> reads_only("WITH x AS (DELETE FROM t RETURNING a) SELECT a FROM x"), reads_only("SELECT 'DELETE' FROM t")
    (False, True)
    """
    text = bare(sql)
    selects = re.match(r"[\s(]*(?:SELECT|WITH)\b", text, re.IGNORECASE)
    return bool(selects) and ";" not in text and not _WRITING.search(text)
