"""The section of one look-up: which table or query is asked, what the key is to it, and what is read."""

from __future__ import annotations

from typing import Final, NamedTuple

from adapters.odbc.sql_text import ONE_SELECT, QUOTE, markers, reads_only
from contracts.section import Section

KEYS: Final = ("connection", "table", "by", "query", "columns", "key_as", "rows")
MOST_ROWS: Final = 100


class Wanted(NamedTuple):
    """The section as read: a ``table`` with the column it is asked ``by``, or a ``query``. ``key_as`` is empty where
    the key is what the column is.
    """

    connection: str
    table: str
    by: str
    query: str
    key_as: str
    columns: tuple[str, ...]
    many: bool

    @property
    def most(self) -> int:
        """Rows that are read: one more than there may be."""
        return MOST_ROWS + 1 if self.many else 2


def read_wanted(section: Section) -> Wanted:
    """Every fault is noted in the section."""
    columns = section.texts("columns")
    if "columns" in section.data and (not columns or len(set(columns)) < len(columns)):
        section.fault(("columns",), "'columns' must name what is read, each once")
    by_table = "table" in section.data
    if by_table == ("query" in section.data):
        section.fault((), "needs either a table, with the column it is asked by, or a query")
    table, by = (section.take(key, str) if by_table else "" for key in ("table", "by"))
    query = "" if by_table else section.take("query", str, "")
    if "by" in section.data and not by_table:
        section.fault(("by",), "'by' goes with a table; a query says itself what it compares")
    if query:
        _check_query(section, query)
    if "query" in section.data and "key_as" not in section.data:
        hint = "say text or integer, as the column is that the query compares: 17B is 17 to a database that converts it"
        section.fault((), "'key_as' is missing, which goes with a query", hint)
    key_as = section.choice("key_as", ("text", "integer"), "") if "key_as" in section.data else ""
    many = section.choice("rows", ("one", "many"), "one") == "many"
    return Wanted(section.take("connection", str), table, by, query, key_as, columns, many)


def _check_query(section: Section, query: str) -> None:
    if (found := markers(query)) != 1:
        section.fault(("query",), f"the query needs one ? for the key, it has {found}")
    if not reads_only(query):
        section.fault(("query",), f"the query must be {ONE_SELECT}", QUOTE)
